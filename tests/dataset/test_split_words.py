"""File names and folders that seem to say a split, and entries of an archive of one name, are told."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from affekt.dataset import read_source
from affekt.dataset.faces import read_face_source

Tree = Callable[[Iterable[str]], str]
LABELS = ("happy", "sad")


def codes(folder: str) -> list[str]:
    return [problem.code for problem in read_source(folder).problems]


def test_words_for_splits_at_the_start_of_names_are_told(tree: Tree) -> None:
    folder = tree(["happy/train_1.mp4", "happy/train-2.mp4", "sad/Test07.mp4", "sad/other.mp4"])
    (told,) = read_source(folder).problems
    assert (told.code, told.severity) == ("split_in_name", "warning")
    assert "(train, test)" in told.message and "sad/Test07.mp4" in told.message


def test_words_for_splits_at_the_end_of_names_are_told(tree: Tree) -> None:
    folder = tree(["happy/1_train.mp4", "happy/2_train_07.mp4", "sad/3-val.mp4", "sad/test.4.mp4"])
    (told,) = read_source(folder).problems
    assert told.code == "split_in_name" and "(train, val, test)" in told.message


@pytest.mark.parametrize(
    "names",
    [
        ["happy/the_train_left.mp4", "sad/a_test_of.mp4"],  # what is said
        ["happy/test_1.mp4", "sad/test_2.mp4"],  # a word that many begin with, and nothing to learn from beside it
        ["happy/trainer.mp4", "sad/testament.mp4"],
        ["train/happy/test_1.mp4", "val/sad/train_2.mp4"],  # their folders say it
    ],
)
def test_other_names_are_not(tree: Tree, names: list[str]) -> None:
    assert "split_in_name" not in codes(tree(names))


@pytest.mark.parametrize(
    ("learned", "held_out", "split"),
    [
        ("Trainingsdaten", "Testdaten", "test"),
        ("Lerndaten", "Prüfdaten", "test"),
        ("Träningsdata", "Testning", "test"),
        ("train-v1", "val-v1", "val"),
        ("trainimages", "testimages", "test"),
        ("학습용", "시험용", "test"),
        ("訓練データ", "評価データ", "val"),
        ("εκπαίδευση", "δοκιμή", "test"),
    ],
)
def test_splits_of_further_words_are_known(tree: Tree, learned: str, held_out: str, split: str) -> None:
    source = read_source(tree([f"{folder}/{label}/1.mp4" for folder in (learned, held_out) for label in LABELS]))
    assert not source.problems
    assert {clip.id.partition("/")[0]: clip.split for clip in source.table} == {learned: "train", held_out: split}


@pytest.mark.parametrize(
    "folders",
    [
        ("train-clean-100", "dev-clean", "test-other"),
        ("Train (copy)", "Test (copy)"),
        ("my_training", "my_unseen"),
    ],
)
def test_folders_with_words_for_splits_within_their_names_are_an_error(tree: Tree, folders: tuple[str, ...]) -> None:
    (told,) = read_source(tree([f"{folder}/{label}/1.mp4" for folder in folders for label in LABELS])).problems
    assert (told.code, told.severity) == ("unknown_split", "error")
    assert all(folder in told.message for folder in folders)


@pytest.mark.parametrize("paths", [("{}/happy/1.mp4", "{}/sad/1.mp4"), ("happy/{}/1.mp4", "sad/{}/1.mp4")])
@pytest.mark.parametrize("folders", [("fold1", "fold2"), ("Anna", "Ben"), ("ฝึก", "ทดสอบ")])
def test_folders_that_tell_nothing_are_told(tree: Tree, paths: tuple[str, ...], folders: tuple[str, str]) -> None:
    (told,) = read_source(tree([path.format(folder) for folder in folders for path in paths])).problems
    assert (told.code, told.severity) == ("folders_not_read", "warning")
    assert all(folder in told.message for folder in folders)


@pytest.mark.parametrize(
    "names",
    [
        ["set/AlignedFaces/happy/1.mp4", "set/AlignedFaces/sad/1.mp4"],  # one stands beside no other
        ["train/Anna/happy/1.mp4", "train/Ben/sad/1.mp4", "val/Cleo/happy/1.mp4"],  # splits are known
        ["Actor_01/03-01-03-01-01-01-01.mp4", "Actor_02/03-01-04-01-01-01-02.mp4"],  # so are people
    ],
)
def test_folders_beside_which_all_is_known_are_not_told(tree: Tree, names: list[str]) -> None:
    assert codes(tree(names)) == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_entries_of_one_name_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for name, content in (("happy/a.jpg", "1"), ("happy/a.jpg", "2"), ("sad/a.jpg", "3")):
            archive.writestr(name, content)
    faces, (told,) = read_face_source(str(tmp_path / "faces.zip"))
    assert [face.content() for face in faces] == [b"2", b"3"]
    assert told.code == "duplicate_entry" and "happy/a.jpg" in told.message
