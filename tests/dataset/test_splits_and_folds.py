"""Splits and folds never divide a subject."""

from __future__ import annotations

import random
import unicodedata
from typing import Literal

import numpy as np
import pytest

from affekt.dataset import LABELS, Clip, ClipTable, assign_splits, check_sides, subject_folds
from affekt.dataset.several import DATASET
from affekt.dataset.splits import below, place, shared_subjects
from affekt.errors import DataError


def table(*, subjects: int, each: int, split: str = "") -> ClipTable:
    return ClipTable(
        tuple(
            Clip(f"{subject}-{number}", "x", LABELS[number % 7], f"p{subject}" if subjects else "", split)
            for subject in range(subjects)
            for number in range(each)
        )
    )


def split_of(clips: ClipTable) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for clip in clips:
        found.setdefault(clip.subject, set()).add(clip.split)
    return found


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(3))
def test_validation_gets_about_its_share_of_whole_subjects(share: float, seed: int) -> None:
    found = split_of(assign_splits(table(subjects=400, each=1), val_share=share, seed=seed))
    assert all(len(splits) == 1 for splits in found.values())
    held_out = sum(splits == {"val"} for splits in found.values())
    assert abs(held_out - 400 * share) < 3.3 * (400 * share * (1 - share)) ** 0.5


@pytest.mark.parametrize("seed", range(20))
def test_no_subject_moves_when_others_come(seed: int) -> None:
    names = [f"{word}{number}" for number in range(12) for word in ("p", "speaker ", "")]
    before: dict[str, set[str]] = {}
    for count in range(2, len(names) + 1):
        clips = ClipTable(tuple(Clip(f"{name}-{n}", "x", LABELS[n], name) for name in names[:count] for n in range(3)))
        now = split_of(assign_splits(clips, val_share=0.2, seed=seed))
        moved = {name for name in before if before[name] != now[name]}
        # Who stood in for validation goes back to where its place is; nobody else ever moves.
        assert all(before[name] == {"val"} and place(name, seed) >= 0.2 for name in moved if len(before) > 2)
        before = now


def test_a_split_follows_from_name_and_seed_alone() -> None:
    clips = list(table(subjects=30, each=2))
    whole = split_of(assign_splits(ClipTable(tuple(clips)), val_share=0.3, seed=4))
    assert whole == {name: {"val" if place(name, 4) < 0.3 else "train"} for name in whole}
    shuffled = random.Random(0).sample(clips, len(clips))
    assert split_of(assign_splits(ClipTable(tuple(shuffled)), val_share=0.3, seed=4)) == whole
    relabelled = [Clip(f"{clip.id}b", "y", "sad", clip.subject) for clip in clips]
    assert split_of(assign_splits(ClipTable(tuple(relabelled)), val_share=0.3, seed=4)) == whole


def test_the_place_of_a_subject_is_fixed_for_good() -> None:
    assert [round(place(name, seed), 6) for name, seed in (("p1", 0), ("p1", 1), ("01", 0))] == [
        0.258016,
        0.968921,
        0.231526,
    ]


def test_where_nobody_would_be_in_validation_one_stands_in_aloud(caplog: pytest.LogCaptureFixture) -> None:
    names = [name for name in map(str, range(100)) if place(name, 0) > 0.2][:3]
    clips = ClipTable(tuple(Clip(f"{name}-{n}", "x", LABELS[n], name) for name in names for n in range(3)))
    found = split_of(assign_splits(clips, val_share=0.2, seed=0))
    lowest = min(names, key=lambda name: place(name, 0))
    assert {name for name, splits in found.items() if splits == {"val"}} == {lowest}
    (message,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert f"nobody of 3 would be in val (val_share=0.2): '{lowest}' stands in there" in message
    seed = int(message.partition("choose seed=")[2].partition(",")[0])
    assert seed == next(other for other in range(100) if 0 < sum(place(name, other) < 0.2 for name in names) < 3)
    caplog.clear()
    assign_splits(clips, val_share=0.2, seed=seed)
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_where_nobody_would_be_left_to_learn_from_one_stands_in_aloud(caplog: pytest.LogCaptureFixture) -> None:
    names = [name for name in map(str, range(100)) if place(name, 0) < 0.5][:3]
    clips = ClipTable(tuple(Clip(f"{name}-{n}", "x", LABELS[n], name) for name in names for n in range(3)))
    found = split_of(assign_splits(clips, val_share=0.5, seed=0))
    highest = max(names, key=lambda name: place(name, 0))
    assert {name for name, splits in found.items() if splits == {"train"}} == {highest}
    assert f"nobody of 3 would be in train (val_share=0.5): '{highest}' stands in" in caplog.text
    seed = next(other for other in range(100) if 0 < sum(place(name, other) < 0.5 for name in names) < 3)
    assert f"choose seed={seed}, with which nobody has to stand in" in caplog.text


def test_a_clip_that_stands_in_has_no_subject_and_no_seed_may_help(caplog: pytest.LogCaptureFixture) -> None:
    clips = ClipTable(tuple(Clip(name, "x", "sad") for name in "abc"))
    (val,) = assign_splits(clips, val_share=1e-12, seed=0).select(split="val")
    assert f"'{val.id}' stands in there, and may move when data are added; name the splits" in caplog.text


def test_each_data_set_is_divided_as_alone_be_it_named_or_not_with_subjects_or_without() -> None:
    plain = [Clip(f"{n}", "x", LABELS[n % 7], f"p{n // 2}", "" if n else "train") for n in range(40)]
    bare = [Clip(f"{n}", "x", LABELS[n % 7]) for n in range(40)]
    named = [Clip(f"b/{clip.id}", "x", clip.label, attributes={DATASET: "b"}) for clip in bare]
    mixed = [clip for pair in zip(plain, named, strict=True) for clip in pair]
    done = assign_splits(ClipTable(tuple(mixed)), val_share=0.4, seed=2)
    alone = [assign_splits(ClipTable(tuple(clips)), val_share=0.4, seed=2) for clips in (plain, bare)]
    assert [clip.id for clip in done] == [clip.id for clip in mixed]
    assert [clip.split for clip in done] == [clip.split for pair in zip(*alone, strict=True) for clip in pair]
    odd = ClipTable((*mixed, Clip("odd", "x", "sad", "p0", "val")))
    assert len(assign_splits(odd, val_share=0.4, seed=2, allow_shared_subjects=True)) == 81
    with pytest.raises(DataError, match="'p0'"):
        assign_splits(odd, val_share=0.4, seed=2)


def test_a_subject_at_exactly_the_share_is_not_below_it() -> None:
    assert below(["a", "b"], max(place("a", 0), place("b", 0)), 0) == {min("ab", key=lambda name: place(name, 0))}


def test_how_the_clips_were_divided_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    done = assign_splits(table(subjects=30, each=2), val_share=0.3, seed=4)
    val = done.select(split="val")
    assert f"{len(done) - len(val)} clips to train, {len(val)} to val ({len(val) // 2} subjects)" in caplog.text
    caplog.clear()
    assign_splits(table(subjects=2, each=7, split="train"), val_share=0.5, seed=0)
    assert not caplog.records


def test_a_label_that_only_validation_subjects_show_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clips = table(subjects=12, each=2)
    (first, *_) = assign_splits(clips, val_share=0.3, seed=0).select(split="val").subjects
    odd = ClipTable((*clips, Clip("odd", "x", "fear", first)))
    caplog.clear()
    assign_splits(odd, val_share=0.3, seed=0)
    assert "no clip of fear is left to learn from" in caplog.text
    assert "to evaluate on" not in caplog.text


def test_a_label_that_only_train_subjects_show_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clips = table(subjects=12, each=2)
    (first, *_) = assign_splits(clips, val_share=0.3, seed=0).select(split="train").subjects
    odd = ClipTable((*clips, Clip("odd", "x", "fear", first)))
    caplog.clear()
    assign_splits(odd, val_share=0.3, seed=0)
    assert "no clip of fear is left to evaluate on" in caplog.text
    assert "to learn from" not in caplog.text


def test_clips_without_a_subject_are_divided_one_by_one_by_their_ids() -> None:
    clips = ClipTable(tuple(Clip(str(number), "x", LABELS[number % 7]) for number in range(700)))
    val = assign_splits(clips, val_share=0.25, seed=3).select(split="val")
    assert 140 < len(val) < 210
    assert val.labels == LABELS
    fewer = assign_splits(ClipTable(clips.clips[:350]), val_share=0.25, seed=3).select(split="val")
    assert [clip.id for clip in fewer] == [clip.id for clip in val if int(clip.id) < 350]


@pytest.mark.parametrize("subject", ["", "Zoé {}"])
def test_a_copy_on_a_disk_that_spells_accents_otherwise_is_divided_alike(subject: str) -> None:
    """On a Mac ``é`` is two signs (NFD)."""

    def divided(form: Literal["NFC", "NFD"]) -> list[str]:
        names = [(f"happy/é {number}.mp4", subject.format(number)) for number in range(200)]
        spelt = [[unicodedata.normalize(form, text) for text in pair] for pair in names]
        clips = tuple(Clip(name, name, "happy", person) for name, person in spelt)
        return [clip.split for clip in assign_splits(ClipTable(clips), val_share=0.3, seed=1)]

    assert divided("NFC") == divided("NFD")


def test_the_same_seed_gives_the_same_splits_and_another_seed_others() -> None:
    clips = table(subjects=12, each=7)
    first, again, other = (assign_splits(clips, val_share=0.25, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_named_splits_stay_and_fill_up_their_subjects() -> None:
    clips = [
        Clip("1", "x", "sad", "p1", "train"), Clip("2", "x", "sad", "p1"), Clip("3", "x", "sad", "p2", "val"),
        Clip("4", "x", "sad", "p2"), Clip("5", "x", "sad", "p3"), Clip("6", "x", "sad", "p4", "test"),
        Clip("7", "x", "sad", "p4"),
    ]  # fmt: skip
    done = assign_splits(ClipTable(tuple(clips)), val_share=0.5, seed=0)
    assert [clip.split for clip in done] == ["train", "train", "val", "val", "train", "test", "test"]


def test_a_table_with_all_splits_named_is_unchanged() -> None:
    clips = table(subjects=2, each=7, split="train")
    assert assign_splits(clips, val_share=0.5, seed=0) == clips


def test_a_subject_on_both_sides_is_an_error_that_names_it() -> None:
    clips = ClipTable((Clip("1", "x", "sad", "p1", "train", "m.csv:2"), Clip("2", "x", "sad", "p1", "val", "m.csv:3")))
    with pytest.raises(DataError, match="'p1'") as caught:
        assign_splits(clips, val_share=0.5, seed=0)
    assert caught.value.code == "subject_across_splits"
    assert assign_splits(clips, val_share=0.5, seed=0, allow_shared_subjects=True) == clips


def test_a_subject_on_both_sides_is_told_by_a_clip_of_its_smaller_side() -> None:
    clips = [Clip(str(n), "x", "sad", "p1", split, f"m.csv:{n}") for n, split in enumerate(["test", "val", "val"])]
    (problem,) = shared_subjects(clips)
    assert (problem.code, problem.where) == ("subject_across_splits", "m.csv:0")
    assert problem.message == "subject 'p1' has 2 clips in val and 1 clip in test; a person must be in one split only"
    with pytest.raises(DataError, match="both sides of a split hold 1 subject: ") as caught:
        assign_splits(ClipTable(tuple(clips)), val_share=0.5, seed=0)
    assert caught.value.where == "m.csv:0"


def test_one_subject_alone_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="two subjects") as caught:
        assign_splits(table(subjects=1, each=7), val_share=0.5, seed=0)
    assert caught.value.code == "too_few_subjects"


@pytest.mark.parametrize(
    ("splits", "code", "said"),
    [
        (("val", "test"), "no_train", "only in test, val; there is nothing to learn from"),
        (("train", "train"), "no_val", "name a split val or test for some of them"),
    ],
)
def test_data_of_one_side_alone_train_nothing(splits: tuple[str, str], code: str, said: str) -> None:
    clips = [Clip(split + str(number), "x", "sad", "", split) for number, split in enumerate(splits)]
    with pytest.raises(DataError, match=said) as caught:
        check_sides(ClipTable(tuple(clips)))
    assert caught.value.code == code
    for more in ("val", "test") if code == "no_val" else ("train",):
        check_sides(ClipTable((*clips, Clip("more", "x", "sad", "", more))))


def test_a_test_split_without_labels_evaluates_nothing() -> None:
    clips = ClipTable((Clip("a", "x", "sad", "", "train"), Clip("b", "x", "", "", "test")))
    with pytest.raises(DataError, match="none is left to evaluate on"):
        check_sides(clips)
    with pytest.raises(DataError, match="none has a label"):
        check_sides(clips.select(split="test"))


def test_one_subject_alone_evaluates_what_others_train() -> None:
    clips = ClipTable((Clip("1", "x", "sad", "p1", "train"), Clip("2", "x", "sad", "p2")))
    assert [clip.split for clip in assign_splits(clips, val_share=0.5, seed=0)] == ["train", "val"]


def uneven() -> ClipTable:
    """Forty subjects with 3 to 12 clips, many with the same number."""
    draw = random.Random(1)
    return ClipTable(
        tuple(
            Clip(f"{p}-{n}", "x", draw.choice(LABELS), f"p{p:02d}")
            for p in range(40)
            for n in range(draw.choice((3, 3, 3, 7, 12)))
        )
    )


@pytest.mark.parametrize(
    ("seed", "subjects"), [(0, "p00 p04 p05 p11 p15 p17 p19 p22 p36"), (1, "p06 p08 p11 p19 p24 p28 p29 p31 p35 p36")]
)
def test_the_splits_of_a_data_set_stay_what_they_were(seed: int, subjects: str) -> None:
    val = assign_splits(uneven(), val_share=0.2, seed=seed).select(split="val")
    assert " ".join(val.subjects) == subjects


@pytest.mark.parametrize(
    ("seed", "labelled", "folds"),
    [
        (0, False, "3323112021303322222000221330013313211010"),
        (0, True, "1111122220300330232000032330133103211231"),
        (1, False, "2200011022130312322212331130303213030231"),
        (1, True, "2103211002120312310012310132233030232110"),
    ],
)
def test_the_folds_of_a_data_set_stay_what_they_were(seed: int, labelled: bool, folds: str) -> None:
    clips = uneven()
    subjects = [clip.subject for clip in clips]
    masks = subject_folds(subjects, 4, seed, labels=[clip.label for clip in clips] if labelled else None)
    first = [subjects.index(f"p{p:02d}") for p in range(40)]
    assert "".join(str(next(number for number, mask in enumerate(masks) if mask[row])) for row in first) == folds


def test_no_fold_is_empty_though_every_subject_has_a_label_of_its_own() -> None:
    masks = subject_folds(list("abcdefg"), 7, seed=0, labels=list(LABELS))
    assert [int(mask.sum()) for mask in masks] == [1] * 7


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_folds_hold_out_every_row_once_and_no_subject_twice(folds: int) -> None:
    subjects = [f"p{number % 11}" for number in range(100)]
    masks = subject_folds(subjects, folds, seed=4)
    assert len(masks) == folds
    assert np.array_equal(np.sum(masks, axis=0), np.ones(100))
    for subject in set(subjects):
        rows = np.array([name == subject for name in subjects])
        assert sum((mask & rows).any() for mask in masks) == 1
    assert max(mask.sum() for mask in masks) - min(mask.sum() for mask in masks) <= 10


def test_folds_have_about_the_same_share_of_each_label() -> None:
    generator = random.Random(5)
    rows = [(f"p{p}", generator.choice(LABELS)) for p in range(30) for _ in range(10)]
    subjects, labels = [row[0] for row in rows], [row[1] for row in rows]
    for mask in subject_folds(subjects, 3, seed=0, labels=labels):
        for label in LABELS:
            of_label = np.array([name == label for name in labels])
            assert abs(mask[of_label].mean() - 1 / 3) < 0.12


def test_rows_without_a_subject_are_divided_one_by_one() -> None:
    masks = subject_folds([""] * 10, 5, seed=0, labels=["sad", "happy"] * 5)
    assert [int(mask.sum()) for mask in masks] == [2] * 5


def test_there_are_no_more_folds_than_subjects_and_none_is_empty() -> None:
    masks = subject_folds(["a"] * 50 + ["b", "c"], 5, seed=0)
    assert sorted(int(mask.sum()) for mask in masks) == [1, 1, 50]


def test_folds_are_fixed_by_the_seed() -> None:
    subjects = [f"p{number % 9}" for number in range(45)]
    first, again, other = (np.array(subject_folds(subjects, 3, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_subject_makes_no_folds() -> None:
    with pytest.raises(DataError, match="two subjects at least; found 1 in 9 rows") as caught:
        subject_folds(["a"] * 9, 3, seed=0)
    assert caught.value.code == "too_few_subjects"
