"""A quote that nobody closes takes no further rows into a cell: it is an error with its line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.dataset import load_clips, read_source
from affekt.dataset.faces import read_face_source
from affekt.dataset.open_quotes import swallows
from affekt.dataset.tables import open_table
from affekt.errors import DataError
from affekt.score_table import ScoreTable


@pytest.mark.parametrize(
    "text",
    [
        'a,"b\nc,d\ne,f\n',  # to the end of the file
        'a,"b',
        'a,"b\nc,d\ne,"f"\n',  # to the next quote
        'a,"b \\"c", d\n',  # a backslash doubles nothing
    ],
)
def test_what_a_quote_takes_with_it_is_seen(text: str) -> None:
    assert swallows(text.splitlines(keepends=True), ",")


@pytest.mark.parametrize(
    "text",
    ["a,b\n", '"a","b\n"\n', '"a" ,"two\nlines" \n', 'a,5" disk\n', 'a,"x ""y"" z"\n', 'a,"one\n\n""three"\n'],
)
def test_closed_quotes_and_those_within_a_cell_are_none(text: str) -> None:
    assert not swallows(text.splitlines(keepends=True), ",")


def test_rows_before_and_behind_it_are_read_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,2\n3,"4\n5,6\n7,"8"\n9,10\n')
    with open_table(tmp_path / "t.csv", "t") as table:
        first, wrong, last = table.rows()
    assert [getattr(row, "cells", None) for row in (first, wrong, last)] == [["1", "2"], None, ["9", "10"]]
    assert isinstance(wrong, DataError) and wrong.where == "t:3"
    assert "the rows up to line 5 would be one cell" in wrong.message


def test_a_header_may_not_hold_one_either(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,"b\n1,2\n')
    with pytest.raises(DataError, match="a quote opens a cell"), open_table(tmp_path / "t.csv", "t"):
        pass


def test_no_clip_of_a_manifest_is_lost_in_another_ones_remark(manifest: Callable[[str], str]) -> None:
    folder = manifest('path,label,subject,said\na.mp4,sad,1,"he\nb.mp4,happy,2,x\nc.mp4,sad,3,"y"\n')
    (problem,) = read_source(folder).problems
    assert (problem.code, problem.severity, problem.where.endswith("manifest.csv:2")) == ("bad_row", "error", True)
    with pytest.raises(DataError, match="a quote opens a cell"):
        load_clips(folder)


def test_no_row_of_scores_or_of_pixels_is_lost_in_another(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text('clip,label,face_angry\na,angry,1\n"b,angry,1\nc,angry,1\n')
    with pytest.raises(DataError, match="row 3: a quote opens a cell"):
        ScoreTable.read(tmp_path / "scores.csv")
    (tmp_path / "fer.csv").write_text('emotion,pixels\n0,1 2 3 4\n1,"1 2 3 4\n2,1 2 3 4\n')
    faces, (problem,) = read_face_source(str(tmp_path / "fer.csv"))
    assert (len(faces), problem.code, problem.where.endswith("fer.csv:3")) == (1, "bad_row", True)
