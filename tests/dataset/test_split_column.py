"""A column that names splits is read as the split whatever it is called; what may be meant as one is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affekt.dataset import load_clips, read_source
from affekt.dataset.faces import read_face_source
from affekt.errors import DataError
from affekt.score_table import ScoreTable

ROWS = "a.mp4,sad,{}\nb.mp4,happy,{}\nc.mp4,sad,{}\n"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("set", ("train", "train", "test")),
        ("Phase", ("Training", "TRAINING", "Testing")),
        ("conjunto", ("treino", "treino", "teste")),
        ("data split", ("train", "train", "test")),
    ],
)
def test_clips_to_test_on_are_not_learned_from(
    manifest: Callable[[str], str], name: str, cells: tuple[str, ...]
) -> None:
    source = read_source(manifest(f"path,label,{name}\n{ROWS.format(*cells)}"))
    assert [(clip.split, clip.attributes) for clip in source.table] == [("train", {}), ("train", {}), ("test", {})]
    assert [problem.message for problem in source.problems] == [f"the column {name!r} is read as the split"]


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("session", ("training", "training", "training")),  # all alike: no split is told by it
        ("set", ("train", "test", "B")),
        ("set", ("val", "val", "test")),
        ("take", ("1", "2", "3")),
    ],
)
def test_what_does_not_name_splits_throughout_stays_an_attribute(
    manifest: Callable[[str], str], name: str, cells: tuple[str, ...]
) -> None:
    clips = load_clips(manifest(f"path,label,{name}\n{ROWS.format(*cells)}"))
    assert [(clip.split, clip.attributes[name]) for clip in clips] == [("", cell) for cell in cells]


def test_a_column_called_split_counts_before_all_others(manifest: Callable[[str], str]) -> None:
    clips = load_clips(manifest("path,label,split,set\na.mp4,sad,train,test\nb.mp4,happy,val,train\n"))
    assert [(clip.split, clip.attributes) for clip in clips] == [("train", {"set": "test"}), ("val", {"set": "train"})]


def test_of_two_such_columns_the_reader_is_asked_which(manifest: Callable[[str], str]) -> None:
    with pytest.raises(DataError, match="the columns 'set' and 'phase' both name splits") as asked:
        read_source(manifest("path,label,set,phase\na.mp4,sad,train,test\nb.mp4,happy,val,train\n"))
    assert asked.value.code == "ambiguous"


def test_a_cell_without_a_split_is_an_error_as_in_a_column_of_that_name(manifest: Callable[[str], str]) -> None:
    problems = read_source(manifest("path,label,set\na.mp4,sad,train\nb.mp4,happy,val\nc.mp4,sad,\n")).problems
    assert [problem.code for problem in problems] == ["column_read_as", "no_split"]


def test_a_column_with_several_splits_to_test_on_is_asked_about(manifest: Callable[[str], str]) -> None:
    """MSP-Podcast names its splits so, and its clips to test on were learned from."""
    rows = "a.mp4,sad,Train\nb.mp4,happy,Development\nc.mp4,sad,Test1\n"
    problems = read_source(manifest(f"path,label,Split_Set\n{rows}")).problems
    assert [problem.code for problem in problems] == ["column_read_as", "unknown_split"]
    assert "unknown split 'Test1'; did you mean test?" in problems[1].message


def test_a_column_of_yes_and_no_is_told(manifest: Callable[[str], str]) -> None:
    (problem,) = read_source(manifest("path,label,is_train\na.mp4,sad,1\nb.mp4,happy,0\n")).problems
    assert (problem.code, problem.severity) == ("column_not_read", "warning")
    assert "'is_train' tells no split here" in problem.message


def test_score_tables_and_pixels_are_read_alike(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "scores.csv").write_text("clip,set,face_angry\na,train,1\nb,dev,1\n")
    assert ScoreTable.read(tmp_path / "scores.csv").splits == ("train", "val")
    assert "the column 'set' is read as the split" in caplog.text
    (tmp_path / "fer.csv").write_text("emotion,set,pixels\n0,Training,1 2 3 4\nx,Training,1\n6,PrivateTest,1 2 3 4\n")
    faces, problems = read_face_source(str(tmp_path / "fer.csv"))
    assert [face.split for face in faces] == ["train", "test"]
    assert [problem.code for problem in problems] == ["unknown_label", "column_read_as"]
