"""What the folders and file names of the known data sets tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from affekt.dataset import load_clips, read_source
from affekt.errors import DataError

Tree = Callable[[Iterable[str]], str]


@pytest.mark.parametrize(
    ("path", "label", "subject", "split"),
    [
        # AFEW as distributed, and with a folder more
        ("Train_AFEW/Angry/012345678.avi", "angry", "", "train"),
        ("Val_AFEW/Surprise/000149120.avi", "surprise", "", "val"),
        ("Train_AFEW/AlignedFaces/Disgust/012345678.avi", "disgust", "", "train"),
        ("Train/Train_AFEW/Neutral/012345678.AVI", "neutral", "", "train"),
        ("AFEW_6.0/Val/Val_AFEW/Happy/012345678.avi", "happy", "", "val"),
        # a folder per label
        ("happy/anything.mp4", "happy", "", ""),
        ("ANGER/anything.webm", "angry", "", ""),
        ("train/sad/deeper/anything.mp4", "sad", "", "train"),
        ("validation/Fear/anything.mov", "fear", "", "val"),
        ("PrivateTest/pleasant surprise/x.mp4", "surprise", "", "test"),
        ("happy/test/x.mp4", "happy", "", "test"),
        # RAVDESS
        ("03-01-06-01-02-01-12.mp4", "fear", "12", ""),
        ("Actor_05/01-02-03-02-01-01-05.mp4", "happy", "05", ""),
        ("Video_Speech_Actor_02/Actor_02/02-01-02-01-01-01-02.mp4", "neutral", "02", ""),
        ("val/03-01-08-01-02-01-12.wav", "surprise", "12", "val"),
        # CREMA-D
        ("1001_IEO_NEU_XX.flv", "neutral", "1001", ""),
        ("VideoFlash/1091_TSI_ANG_HI.flv", "angry", "1091", ""),
        ("train/1040_ITH_SAD_X.wav", "sad", "1040", "train"),
    ],
)
def test_a_path_tells_label_subject_and_split(tree: Tree, path: str, label: str, subject: str, split: str) -> None:
    folder = tree([path])
    (clip,) = load_clips(folder)
    assert (clip.id, clip.label, clip.subject, clip.split) == (path, label, subject, split)
    assert Path(clip.uri) == Path(folder) / path


def test_ravdess_names_give_attributes(tree: Tree) -> None:
    (clip,) = load_clips(tree(["01-02-05-02-01-02-24.mp4"]))
    assert clip.attributes == {
        "modality": "audio-video", "vocal_channel": "song", "intensity": "strong", "statement": "01",
        "repetition": "02", "gender": "female",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        (["01-01-03-01-01-01-01.mp4", "02-01-03-01-01-01-01.mp4", "03-01-03-01-01-01-01.wav"], "01-"),
        (["02-01-03-01-01-01-01.mp4", "03-01-03-01-01-01-01.wav"], "02-"),
        (["03-01-03-01-01-01-01.wav"], "03-"),
        (["AudioWAV/1001_IEO_NEU_XX.wav", "AudioMP3/1001_IEO_NEU_XX.mp3", "Video/1001_IEO_NEU_XX.flv"], "Video/"),
    ],
)
def test_of_the_forms_of_a_recording_the_most_complete_is_taken(tree: Tree, names: list[str], kept: str) -> None:
    source = read_source(tree(names))
    assert [clip.id for clip in source.table] == [name for name in names if name.startswith(kept)]
    assert [problem.code for problem in source.problems] == (["partial_copies"] if len(names) > 1 else [])


def test_other_recordings_of_an_actor_are_not_taken_for_copies(tree: Tree) -> None:
    names = ["01-01-03-01-01-01-01.mp4", "01-01-03-01-01-02-01.mp4", "02-01-04-01-01-01-01.mp4"]
    assert len(load_clips(tree(names))) == 3


def test_clips_come_in_the_order_of_their_paths(tree: Tree) -> None:
    names = ["train/sad/b.mp4", "train/angry/c.mp4", "train/sad/a.mp4", "val/angry/a.mp4"]
    assert [clip.id for clip in load_clips(tree(names))] == sorted(names)


def test_what_is_hidden_or_no_clip_is_passed_over(tree: Tree) -> None:
    names = ["sad/a.mp4", "sad/._a.mp4", "__MACOSX/sad/a.mp4", ".cache/sad/b.mp4", "sad/notes.txt", "readme.md"]
    assert [clip.id for clip in load_clips(tree(names))] == ["sad/a.mp4"]


def test_test_clips_may_have_no_label(tree: Tree) -> None:
    table = load_clips(tree(["Train_AFEW/Sad/1.avi", "Test_AFEW/2.avi"]))
    assert [(clip.split, clip.label) for clip in table] == [("test", ""), ("train", "sad")]


def test_a_set_without_one_of_the_labels_has_the_others(tree: Tree) -> None:
    table = load_clips(tree([f"{label}/1.mp4" for label in ("sad", "angry", "fear")]))
    assert table.labels == ("angry", "fear", "sad")


def test_a_folder_that_is_no_label_is_one_error_however_many_files_it_has(tree: Tree) -> None:
    folder = tree(["sad/1.mp4", *(f"takes/boredom/{number}.mp4" for number in range(9)), "happyy/1.mp4"])
    problems = read_source(folder).problems
    assert [(problem.code, problem.where) for problem in problems] == [
        ("unknown_label", f"{folder}/happyy"),
        ("unknown_label", f"{folder}/takes/boredom"),
    ]
    assert "9 files" in problems[1].message and "'boredom'" in problems[1].message
    with pytest.raises(DataError, match=r"(?s)2 errors.*happyy.*boredom"):
        load_clips(folder)


@pytest.mark.parametrize(
    ("path", "code"), [("stray.mp4", "no_label"), ("happy/03-01-06-01-02-01-12.mp4", "label_conflict")]
)
def test_a_stray_or_contradictory_file_is_named(tree: Tree, path: str, code: str) -> None:
    (problem,) = read_source(tree(["sad/1.mp4", path])).problems
    assert (problem.code, problem.where.endswith(path)) == (code, True)


def test_a_folder_in_no_known_layout_is_answered_with_the_layouts_and_what_was_found(tree: Tree) -> None:
    folder = tree([f"session{number}/take.mp4" for number in range(7)])
    with pytest.raises(DataError) as caught:
        read_source(folder)
    assert caught.value.code == "unknown_layout"
    for part in ("manifest.csv", "Train_AFEW", "RAVDESS", "CREMA-D", "one folder per label", "session0/take.mp4"):
        assert part in str(caught.value)
    assert "session6" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "part"),
    [([], "an empty folder"), (["notes.txt"], "notes.txt"), (["happy/1.png", "sad/2.jpg"], "faces=")],
)
def test_a_folder_without_clips_says_what_it_holds(tree: Tree, tmp_path: Path, names: list[str], part: str) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match=part) as caught:
        read_source(tree(names))
    assert caught.value.code == "no_clips"


def test_a_file_that_is_no_table_is_no_data_set(tree: Tree) -> None:
    with pytest.raises(DataError, match="neither a folder nor a CSV file"):
        read_source(tree(["sad/1.mp4"]) + "/sad/1.mp4")


def test_the_table_does_not_depend_on_the_current_folder(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(["sad/1.mp4"])
    monkeypatch.chdir(Path(folder).parent)
    assert load_clips("data") == load_clips(folder)


def test_the_javanese_clips_are_read_by_their_manifest(shared_data: Path) -> None:
    table = load_clips(str(shared_data / "java_sed_av"))
    assert len(table) == 168
    assert table.labels == ("angry", "fear", "happy", "sad", "surprise", "neutral")
    assert table.subjects == ("01", "02", "03", "05", "06", "07", "10")
    assert {clip.subject for clip in table.select(split="val")} == {"05", "10"}
    assert all(Path(clip.uri).is_file() for clip in table)


def test_a_table_that_lies_beside_files_without_a_label_is_named(tree: Tree) -> None:
    with pytest.raises(
        DataError, match=r"here lies train_sent_emo\.csv: where a table lists the files and their labels"
    ):
        load_clips(tree(["train_sent_emo.csv", "train_splits/dia0_utt0.mp4"]))
