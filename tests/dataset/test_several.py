"""Several data sets as one: names, people and labels of each stay its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from affekt.dataset import assign_splits, load_clips
from affekt.dataset.several import joined, names_of, places_of, possible_in, text_of, told_possible, told_without
from affekt.errors import DataError


def made(folder: Path, labels: str, subjects: str, split: str = "") -> str:
    folder.mkdir(parents=True)
    rows = ["path,label,subject,split"]
    for subject in subjects.split():
        for label in labels.split():
            name = f"{subject}-{label}.wav"
            (folder / name).write_bytes(f"{folder}{name}".encode())
            rows.append(f"{name},{label},{subject},{split}")
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    return str(folder)


@pytest.fixture
def both(tmp_path: Path) -> tuple[str, str]:
    return (
        made(tmp_path / "english", "happy sad disgust", "01 02 03 04 05"),
        made(tmp_path / "javanese", "happy sad surprise", "01 02 06 07 08"),
    )


def test_clips_and_people_bear_the_name_of_their_data_set(both):
    table = load_clips(joined(both))
    assert len(table) == 30
    assert {"english/01", "javanese/01"} <= set(table.subjects)
    assert table.clips[0].id == "english/01-happy.wav"
    assert {clip.attributes["dataset"] for clip in table} == {"english", "javanese"}
    assert table.labels == ("disgust", "happy", "sad", "surprise")


def test_a_label_that_a_data_set_lacks_is_not_possible_there(both):
    possible = possible_in(load_clips(joined(both)))
    assert possible["english/01-happy.wav"] == ("disgust", "happy", "sad")
    assert possible["javanese/01-happy.wav"] == ("happy", "sad", "surprise")
    assert possible_in(load_clips(both[0])) == {}


def test_what_a_data_sets_clips_are_judged_among_is_told(tmp_path, both):
    table = load_clips(joined(both))
    assert told_possible(table, possible_in(table)) == [
        "english has no clip of surprise: its clips are judged among disgust, happy, sad; by itself it is judged so "
        "where they are named with labels=",
        "javanese has no clip of disgust: its clips are judged among happy, sad, surprise; by itself it is judged so "
        "where they are named with labels=",
    ]
    joy = made(tmp_path / "joy", "happy", "31 32")  # a single label: all are possible
    table = load_clips(joined([both[0], joy]))
    assert told_possible(table, possible_in(table)) == []


def test_each_is_divided_as_it_would_be_alone(both):
    together = assign_splits(load_clips(joined(both)), val_share=0.4, seed=1)
    for place, name in zip(both, ("english", "javanese"), strict=True):
        alone = assign_splits(load_clips(place), val_share=0.4, seed=1)
        assert [clip.split for clip in alone] == [clip.split for clip in together if clip.attributes["dataset"] == name]


def test_one_may_name_its_splits_and_the_other_not(tmp_path, both):
    named = made(tmp_path / "named", "happy sad", "11 12", split="train")
    together = assign_splits(load_clips(joined([named, both[1]])), val_share=0.4, seed=1)
    assert {clip.split for clip in together if clip.attributes["dataset"] == "named"} == {"train"}
    assert {clip.split for clip in together if clip.attributes["dataset"] == "javanese"} == {"train", "val"}


def test_alike_names_are_told_apart_and_the_same_place_twice_is_refused():
    assert names_of(["a/clips", "b/clips/", "s3://bucket/other.csv"]) == ["a-clips", "b-clips", "other"]
    with pytest.raises(DataError, match="given twice"):
        joined(["a", "a"])


def test_the_same_place_in_other_words_is_refused_and_one_without_a_name_has_that_of_its_folder(tmp_path, monkeypatch):
    (tmp_path / "clips").mkdir()
    (tmp_path / "link").symlink_to("clips")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "clips")
    for again in (".", f"{tmp_path}/clips/", "../clips", "../other/../link"):
        with pytest.raises(DataError, match="given twice as a data set, first as ") as told:
            joined([str(tmp_path / "clips"), again])
        assert (told.value.code, told.value.where) == ("same_dataset", again)
    with pytest.raises(DataError, match="given twice"):
        joined(["s3://bucket/clips", "s3://bucket/clips/"])
    assert joined([".", "../other", "s3://bucket/clips"]) == ". + ../other + s3://bucket/clips"
    assert names_of([".", "../other"]) == ["clips", "other"]
    assert names_of(["..", "../other"]) == [tmp_path.name, "other"]


def test_a_folder_whose_name_looks_like_two_is_one(tmp_path):
    folder = tmp_path / "happy + sad"
    folder.mkdir()
    assert places_of(str(folder)) == (str(folder),)
    assert places_of("a + b") == ("a", "b")
    assert joined([str(folder)]) == str(folder)
    with pytest.raises(DataError, match="holds ' \\+ ', which stands between several data sets") as told:
        joined(["other", str(folder)])
    assert (told.value.code, told.value.where) == ("bad_name", str(folder))


def test_python_names_one_or_several(tmp_path):
    assert text_of(tmp_path) == str(tmp_path)
    assert places_of(text_of([tmp_path / "a", "s3://bucket/b"])) == (str(tmp_path / "a"), "s3://bucket/b")


def test_clips_of_a_set_with_a_single_label_could_have_been_of_any(tmp_path, both):
    joy, grief = (made(tmp_path / name, name, "21 22") for name in ("happy", "sad"))
    assert possible_in(load_clips(joined([joy, grief]))) == {}
    possible = possible_in(load_clips(joined([both[0], joy])))
    assert possible == {}
    possible = possible_in(load_clips(joined([*both, joy])))
    assert possible["happy/21-happy.wav"] == ("disgust", "happy", "sad", "surprise")
    assert possible["english/01-happy.wav"] == ("disgust", "happy", "sad")


def test_a_table_of_a_header_alone_beside_another_data_set_is_refused(tmp_path, both):
    (tmp_path / "empty.csv").write_text("path,label,subject\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"empty\.csv: holds no clips, and data sets that are taken"):
        load_clips(joined([both[0], str(tmp_path / "empty.csv")]))


def test_a_set_of_which_one_label_alone_can_be_answered_is_one_of_a_single_label(tmp_path):
    places = [made(tmp_path / "one", "happy sad", "01 02"), made(tmp_path / "two", "happy disgust", "03 04")]
    table = load_clips(joined(places))
    assert possible_in(table)["two/03-happy.wav"] == ("disgust", "happy")
    assert possible_in(table, ("happy", "sad", "angry")) == {}


def test_a_data_set_of_which_a_split_has_no_clip_is_told(tmp_path):
    places = [made(tmp_path / "one", "happy sad", "01 02", "val"), made(tmp_path / "two", "happy sad", "03 04")]
    table = load_clips(joined(places))
    said = ["two has no clip of the split val: no figure is of it"]
    assert told_without(table, table.select(split="val"), "val") == said
    assert told_without(table, table, None) == []
