"""Splits and folds never divide a subject."""

from __future__ import annotations

import random

import numpy as np
import pytest

from affekt.dataset import LABELS, Clip, ClipTable, assign_splits, subject_folds
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


@pytest.mark.parametrize(("subjects", "share", "held_out"), [(10, 0.2, 2), (7, 0.3, 2), (2, 0.01, 1), (3, 0.9, 2)])
def test_validation_gets_its_share_of_whole_subjects(subjects: int, share: float, held_out: int) -> None:
    found = split_of(assign_splits(table(subjects=subjects, each=7), val_share=share, seed=1))
    assert all(len(splits) == 1 for splits in found.values())
    assert sum(splits == {"val"} for splits in found.values()) == held_out


def test_clips_without_a_subject_are_divided_one_by_one_and_evenly_by_label() -> None:
    clips = ClipTable(tuple(Clip(str(number), "x", LABELS[number % 7]) for number in range(140)))
    val = assign_splits(clips, val_share=0.25, seed=3).select(split="val")
    counts = [sum(clip.label == label for clip in val) for label in LABELS]
    assert len(val) == 35
    assert max(counts) - min(counts) <= 3


def test_no_label_is_left_without_training_clips_where_that_can_be() -> None:
    # Only two people show disgust: one of them at most may be held out.
    clips = [Clip(f"{p}-{n}", "x", LABELS[n], f"p{p}") for p in range(8) for n in range(3) if n != 1 or p < 2]
    for seed in range(10):
        done = assign_splits(ClipTable(tuple(clips)), val_share=0.25, seed=seed)
        assert done.select(split="train").labels == ("angry", "disgust", "fear")


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


def test_one_subject_alone_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="two subjects"):
        assign_splits(table(subjects=1, each=7), val_share=0.5, seed=0)


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
    with pytest.raises(DataError, match="two subjects"):
        subject_folds(["a"] * 9, 3, seed=0)
