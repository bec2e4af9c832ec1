"""Two columns for one thing that do not agree are told, both of them; none counts in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.dataset import read_source
from affekt.dataset.faces import read_face_source
from affekt.dataset.manifest import read_manifest
from affekt.errors import DataError
from affekt.score_table import ScoreTable

Manifest = Callable[[str], str]


def rows(header: str, *cells: str) -> str:
    return "\n".join([f"path,{header}", *(f"{name}.mp4,{cell}" for name, cell in zip("abcd", cells, strict=False)), ""])


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        ("label,split,usage", ("sad,train,Training", "joy,train,PrivateTest"), "'split' and 'usage'"),
        ("label,split,usage", ("sad,,Training", "joy,,PrivateTest"), "'split' and 'usage'"),
        ("label,emotion", ("sad,Sadness", "happy,angry"), "'label' and 'emotion'"),
        ("emotion,label.1", ("sad,Sadness", "happy,angry"), "'emotion' and 'label.1'"),
    ],
)
def test_labels_and_splits_that_differ_are_an_error_with_row_and_both_columns(
    manifest: Manifest, header: str, cells: tuple[str, ...], columns: str
) -> None:
    (found,) = [p for p in read_source(manifest(rows(header, *cells))).problems if p.code == "columns_differ"]
    assert found.severity == "error" and columns in found.message
    assert found.where.endswith("manifest.csv:2" if cells[0].startswith("sad,,") else "manifest.csv:3")


@pytest.mark.parametrize(
    ("header", "cells", "columns"),
    [
        ("label,subject,speaker", ("sad,1,Ann", "joy,1,Bob", "sad,2,Bob"), "'subject' and 'speaker'"),
        ("label,emotion", ("sad,0", "happy,3", "angry,3"), "'label' and 'emotion'"),  # a code for two labels
        ("clip,label", ("a,sad", "c,joy", "b,sad"), "'path' and 'clip'"),  # sorted in one column alone
        ("filename,label", ("a.avi,sad", "b.avi,joy", "x.avi,sad", "d,sad"), "'path' and 'filename'"),
        ("label,split,set", ("sad,train,test", "joy,val,train"), "'split' and 'set'"),
    ],
)
def test_other_things_that_differ_are_a_remark_that_names_both_columns(
    manifest: Manifest, header: str, cells: tuple[str, ...], columns: str
) -> None:
    (found,) = [p for p in read_source(manifest(rows(header, *cells))).problems if p.code == "columns_differ"]
    assert found.severity == "warning" and columns in found.message


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("label,split,usage", ("sad,train,Training", "joy,val,PublicTest")),
        ("label,emotion,class", ("sad,SAD,7", "joy,Happiness,2", "happy,,2")),
        ("label,subject,speaker", ("sad,1,Ann", "joy,2,Bob", "sad,1,Ann")),  # two names of each
        ("label,target", ("sad,negative", "joy,positive")),
        ("clip,label", ("one,sad", "two,joy")),  # ids of their own
        ("filename,label", ("take 7.avi,sad", "take 9.avi,joy")),
        ("label,split,session", ("sad,train,training", "joy,val,training")),
    ],
)
def test_what_agrees_or_says_something_else_is_not_told(
    manifest: Manifest, header: str, cells: tuple[str, ...]
) -> None:
    assert not [p for p in read_source(manifest(rows(header, *cells))).problems if p.code == "columns_differ"]


def test_score_tables_are_held_to_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("clip,split,usage,m_sad,m_happy\na,train,Training,1,0\nb,train,PrivateTest,0,1\n")
    with pytest.raises(DataError, match="'split' and 'usage' both name the split and differ in 1 of 2 rows") as told:
        ScoreTable.read(path)
    assert (told.value.code, told.value.where) == ("columns_differ", f"{path}:3")
    path.write_text("clip,subject,speaker,m_sad,m_happy\na,1,Ann,1,0\nb,2,Ann,0,1\n")
    assert ScoreTable.read(path).subjects == ("1", "2")
    assert "'subject' and 'speaker' both name the subject" in caplog.text


@pytest.mark.parametrize(
    ("header", "first", "second", "columns"),
    [
        ("emotion,split,Usage", "4,train,Training", "3,train,PrivateTest", "'Usage' and 'split'"),
        ("emotion,label,Usage", "4,sad,Training", "3,angry,Training", "'label' and 'emotion'"),
        ("label,emotion,Usage", "4,sad,Training", "3,angry,Training", "'label' and 'emotion'"),
    ],
)
def test_tables_of_pixels_too(tmp_path: Path, header: str, first: str, second: str, columns: str) -> None:
    path = tmp_path / "fer.csv"
    path.write_text(f"{header},pixels\n{first},0 1 2 3\n{second},0 1 2 4\n{second},0 1 2 5\n")
    found = [p for p in read_face_source(str(path))[1] if p.code == "columns_differ"]
    if header.startswith("emotion,label"):  # the codes of somebody else, each for one label
        assert not found
    else:
        assert [p.severity for p in found] == ["error"] and columns in found[0].message


@pytest.mark.parametrize("header", ["path,emotion,emotion_name", "path,label,emotion"])
def test_of_labels_in_numbers_the_column_is_named_that_has_them_in_words(tmp_path: Path, header: str) -> None:
    """They had been told to differ in every row."""
    for name in "ab":
        (tmp_path / f"{name}.mp4").touch()
    (tmp_path / "m.csv").write_text(f"{header}\na.mp4,3,happy\nb.mp4,4.0,sad\n")
    _, numbers, words = header.split(",")

    told = [problem for problem in read_manifest(str(tmp_path / "m.csv"))[1] if problem.code != "column_read_as"]

    assert [problem.code for problem in told] == ["unknown_label", "unknown_label", "label_in_words"]
    assert f"the column '{words}' has in words what '{numbers}' has in numbers; call it label" in told[2].message
