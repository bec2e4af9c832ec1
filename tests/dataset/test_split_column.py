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


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (("train", "tets"), "holds tets, train"),
        (("Training", "Prüfung"), "holds Prüfung, Training"),
        (("test", "test"), "holds test"),
        (("val", "test"), "holds test, val"),
        (("valid", "invalid"), ""),
        (("train", "train"), ""),
        (("spring", "fall"), ""),
        (("train", ""), ""),
    ],
)
def test_a_column_of_which_some_cells_alone_name_splits_is_told(
    manifest: Callable[[str], str], tmp_path: Path, cells: tuple[str, str], told: str
) -> None:
    """Clips to evaluate on, misspelt, had been learned from without a word."""
    one, other = cells
    problems = list(read_source(manifest(f"path,label,phase\na.mp4,sad,{one}\nb.mp4,happy,{other}\n")).problems)
    (tmp_path / "fer.csv").write_text(f"emotion,phase,pixels\n0,{one},1 2 3 4\n6,{other},1 2 3 4\n")
    problems += read_face_source(str(tmp_path / "fer.csv"))[1]

    assert [(problem.code, problem.severity) for problem in problems] == [("column_not_read", "warning")] * 2 * bool(
        told
    )
    assert all(f"the column 'phase' tells no split here, though it {told};" in problem.message for problem in problems)


def test_a_column_of_many_things_is_none_of_splits(manifest: Callable[[str], str]) -> None:
    names = [f"word {number}" for number in range(9)]
    rows = "".join(
        f"{number}.mp4,{('sad', 'happy')[number % 2]},{name}\n" for number, name in enumerate(["train", *names])
    )
    problems = read_source(manifest(f"path,label,scene\n{rows}")).problems
    assert "column_not_read" not in [problem.code for problem in problems]
