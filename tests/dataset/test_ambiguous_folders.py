"""Folders that can be read in two ways, or in none, are errors; nothing is relabelled or trained on by a guess."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable

import pytest

from affekt.dataset import load_clips, read_source
from affekt.dataset.split_names import canonical_split
from affekt.errors import DataError

Tree = Callable[[Iterable[str]], str]
LABELLED = ["happy/1.mp4", "sad/1.mp4"]


@pytest.mark.parametrize(
    ("path", "readings"),
    [
        ("happy/neutral/x.mp4", ("'happy' (by 'happy')", "'neutral' (by 'neutral')")),
        ("angry/Joy/x.mp4", ("'angry' (by 'angry')", "'happy' (by 'Joy')")),
        ("HAP/takes/ANG/x.mp4", ("'happy' (by 'HAP')", "'angry' (by 'ANG')")),
        ("ＨＡＰＰＹ/pleasant surprise/x.mp4", ("'happy' (by 'ＨＡＰＰＹ')", "'surprise' (by 'pleasant surprise')")),
    ],
)
def test_two_labels_in_a_path_are_an_error_that_names_both_readings(
    tree: Tree, path: str, readings: tuple[str, str]
) -> None:
    source = read_source(tree([*LABELLED, path]))
    (problem,) = source.problems
    assert (problem.code, problem.severity) == ("label_conflict", "error")
    assert problem.where.endswith(path)
    assert all(reading in problem.message for reading in readings)
    assert {clip.id: clip.label for clip in source.table}[path] == ""


@pytest.mark.parametrize("path", ["happy/joy/x.mp4", "Happy/happy/x.mp4", "happy/strong/x.mp4", "happy/01/x.mp4"])
def test_folders_that_agree_or_say_nothing_are_no_error(tree: Tree, path: str) -> None:
    (clip,) = load_clips(tree([path]))
    assert clip.label == "happy"


def test_an_ambiguous_folder_is_told_once_for_all_its_files(tree: Tree) -> None:
    folder = tree([*LABELLED, *(f"happy/neutral/{number}.mp4" for number in range(9))])
    (problem,) = read_source(folder).problems
    assert problem.where == f"{folder}/happy/neutral"
    assert problem.message.startswith("of 9 files in this folder: its label can be read as 'happy'")


@pytest.mark.parametrize(
    ("path", "label", "other"),
    [
        ("sad/anger_takes/1.mp4", "sad", "angry"),
        ("happy/neutral2/1.mp4", "happy", "neutral"),
        ("sad/HappyOne.mp4", "sad", "happy"),
        ("fear/take-sad-3.mp4", "fear", "sad"),
        ("vsHappiness/sad/1.mp4", "sad", "happy"),
    ],
)
def test_a_word_for_another_label_inside_of_a_name_is_told(tree: Tree, path: str, label: str, other: str) -> None:
    source = read_source(tree([path]))
    (problem,) = source.problems
    assert (problem.code, problem.severity) == ("label_in_name", "warning")
    assert problem.message == (
        f"1 file has the label {label!r} and a word for {other!r} in the path; is it right? {path}"
    )
    assert source.table.clips[0].label == label


@pytest.mark.parametrize(
    "path", ["sad/sad_1.mp4", "sad/take of Joy/1.mp4", "sad/ANG-2.mp4", "happy/joyful 3.mp4", "sad/1.happy"]
)
def test_other_words_are_not(tree: Tree, path: str) -> None:
    source = read_source(tree(["sad/1.mp4", path]))
    assert "label_in_name" not in {problem.code for problem in source.problems}


@pytest.mark.parametrize("path", ["train/test/happy/x.mp4", "happy/eval/train/x.mp4", "Test/happy/val/x.mp4"])
def test_two_splits_in_a_path_are_an_error(tree: Tree, path: str) -> None:
    (problem,) = read_source(tree([path])).problems
    assert problem.code == "split_conflict"
    assert "its split can be read as" in problem.message


@pytest.mark.parametrize(
    ("paths", "where", "said"),
    [
        (["train/happy/1.mp4", "extra/happy/1.mp4", "extra/sad/1.mp4"], "/extra", "2 files have no split"),
        (["train/happy/1.mp4", "happy/1.mp4"], "/happy", "'happy' is a label; move it into the folder of a split"),
        (["set/train/happy/1.mp4", "set/trial/happy/1.mp4"], "/set/trial", "others are below set/train"),
        (["happy/train/1.mp4", "happy/final/1.mp4"], "/happy/final", "'final' is no split that is known"),
        (["val/03-01-08-01-02-01-12.wav", "03-01-08-01-02-01-13.wav"], "", "they are in no folder of a split"),
    ],
)
def test_a_folder_of_an_unknown_split_beside_known_ones_is_an_error(
    tree: Tree, paths: list[str], where: str, said: str
) -> None:
    folder = tree(paths)
    (problem,) = read_source(folder).problems
    assert (problem.code, problem.where, problem.severity) == ("unknown_split", folder + where, "error")
    assert said in problem.message
    with pytest.raises(DataError):
        load_clips(folder)


def test_a_manifest_with_a_split_in_some_rows_only_is_an_error(manifest: Callable[[str], str]) -> None:
    folder = manifest("path,label,split\na.mp4,sad,train\nb.mp4,happy,\nc.mp4,sad,val\nd.mp4,sad,edge\n")
    found = {problem.code: problem for problem in read_source(folder).problems}
    assert set(found) == {"no_split", "unknown_split"}
    assert found["no_split"].where == f"{folder}/manifest.csv:3"
    assert found["no_split"].message.startswith(f"no split is named in 1 of 4 rows ({folder}/manifest.csv:3)")


def test_of_an_unknown_label_that_is_divided_as_others_are_its_own_folder_is_named(tree: Tree) -> None:
    folder = tree([f"{label}/level_{level}/1.mp4" for label in ("angry", "contempt") for level in (1, 2)])
    (problem,) = [problem for problem in read_source(folder).problems if problem.severity == "error"]
    assert problem.where == f"{folder}/contempt"
    assert problem.message.startswith("this folder holds 2 files, but 'contempt' is no label")


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (["calm/1.mp4", "neutral/2.mp4", "sad/3.mp4"], "'neutral': 'calm' (1 clip), 'neutral' (1 clip)"),
        (["01-01-01-01-02-01-12.mp4", "01-01-02-01-02-01-12.mp4"], "'neutral': 'neutral' (1 clip), 'calm' (1 clip)"),
        (["Joy/1.mp4", "Joy/2.mp4", "happiness/3.mp4"], "'happy': 'joy' (2 clips), 'happiness' (1 clip)"),
        (["pleasant surprise/1.mp4", "surprise/2.mp4"], "'pleasant surprise' (1 clip), 'surprise' (1 clip)"),
        (["ANG/1.mp4", "anger/2.mp4", "Angry/3.mp4", "ne/1.mp4", "neutral/2.mp4", "calm/x.txt"], ""),
        (["calm/1.mp4", "sad/2.mp4"], ""),
    ],
)
def test_two_words_for_one_label_are_told(tree: Tree, paths: list[str], said: str) -> None:
    found = [problem for problem in read_source(tree(paths)).problems if problem.code == "words_as_one"]
    assert [(problem.severity, said in problem.message) for problem in found] == [("warning", True)] * bool(said)


def test_two_words_for_one_label_in_a_manifest_are_told(manifest: Callable[[str], str]) -> None:
    (problem,) = read_source(manifest("path,label\na.mp4,scared\nb.mp4,FEAR\nc.mp4,fearful\nd.mp4,sad\n")).problems
    assert problem.message.startswith("several words are read as the one label 'fear': 'scared' (1 clip), ")


def test_folders_that_hold_files_of_several_splits_are_told_as_perhaps_people(tree: Tree) -> None:
    names = [f"{person}/happy/{split}/1.mp4" for person in ("0001", "0011") for split in ("train", "test")]
    (problem,) = read_source(tree(names)).problems
    assert (problem.code, problem.severity) == ("folders_in_splits", "warning")
    assert "hold files of several splits: 0001, 0011;" in problem.message


def test_a_folder_of_one_name_in_all_splits_and_people_of_one_split_each_are_not_told(tree: Tree) -> None:
    names = ["train/AlignedFaces/0001/happy/1.mp4", "train/AlignedFaces/0002/sad/1.mp4", "val/AlignedFaces/3/sad/1.mp4"]
    assert read_source(tree(names)).problems == ()


@pytest.mark.parametrize("folder", ["Trash/happy", "happy/_rejected", "happy/not happy", "sad/BAK (2)", "sad/unsure_3"])
def test_folders_that_seem_to_be_set_aside_are_told_and_count(tree: Tree, folder: str) -> None:
    source = read_source(tree(["happy/1.mp4", "sad/2.mp4", f"{folder}/3.mp4"]))
    (problem,) = source.problems
    assert (problem.code, problem.severity, len(source.table)) == ("folders_aside", "warning", 3)
    assert "(1 file); move it away if so" in problem.message


@pytest.mark.parametrize("folder", ["old/happy", "Bin Ali/happy", "happy/template", "sad/notes", "sad/not_yet"])
def test_folders_with_other_names_are_not(tree: Tree, folder: str) -> None:
    assert read_source(tree(["happy/1.mp4", "sad/2.mp4", f"{folder}/3.mp4"])).problems == ()


TRAIN = """train Training TRN train-set TrainSet train2017 1_train Train_AFEW AFEW-train train_clips entraînement 训练集
    訓練データ ＴＲＡＩＮ"""
VAL = """val valid Validation dev DEVEL development eval Evaluation heldout held-out HeldOut hold_out PublicTest val_2
    Validierung validación doğrulama 验证集 検証 검증"""
TEST = "test Testing TEST_SET tst PrivateTest test2 prueba 测试 テスト 테스트"


@pytest.mark.parametrize(("names", "split"), [(TRAIN, "train"), (VAL, "val"), (TEST, "test")])
def test_words_for_splits(names: str, split: str) -> None:
    for name in names.split():
        assert canonical_split(name) == canonical_split(unicodedata.normalize("NFD", name)) == split, name


@pytest.mark.parametrize("name", ["strain", "contest", "latest", "tester", "train_test", "fold1", "1", "data", "happy"])
def test_words_for_nothing_of_the_kind(name: str) -> None:
    assert canonical_split(name) is None
