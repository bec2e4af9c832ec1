"""File names that say a split, and entries of an archive of one name, are told: neither is what it seems to be."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from affekt.dataset import read_source
from affekt.dataset.faces import read_face_source

Tree = Callable[[Iterable[str]], str]


def codes(folder: str) -> list[str]:
    return [problem.code for problem in read_source(folder).problems]


def test_words_for_splits_at_the_start_of_names_are_told(tree: Tree) -> None:
    folder = tree(["happy/train_1.mp4", "happy/train-2.mp4", "sad/Test07.mp4", "sad/other.mp4"])
    (told,) = read_source(folder).problems
    assert (told.code, told.severity) == ("split_in_name", "warning")
    assert "(train, test)" in told.message and "sad/Test07.mp4" in told.message


@pytest.mark.parametrize(
    "names",
    [
        ["happy/test_1.mp4", "sad/test_2.mp4"],  # a word that many begin with, and nothing to learn from beside it
        ["happy/trainer.mp4", "sad/testament.mp4"],
        ["train/happy/test_1.mp4", "val/sad/train_2.mp4"],  # their folders say it
    ],
)
def test_other_names_are_not(tree: Tree, names: list[str]) -> None:
    assert "split_in_name" not in codes(tree(names))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_of_one_name_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for name, content in (("happy/a.jpg", "1"), ("happy/a.jpg", "2"), ("sad/a.jpg", "3")):
            archive.writestr(name, content)
    faces, (told,) = read_face_source(str(tmp_path / "faces.zip"))
    assert [face.content() for face in faces] == [b"2", b"3"]
    assert told.code == "duplicate_entry" and "happy/a.jpg" in told.message
