"""Which still images train and which evaluate, where their source does not say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from affekt.dataset import FaceImage, assign_image_splits, repeated_across_splits
from affekt.dataset.splits import place
from affekt.errors import DataError


def images(*rows: tuple[str, str]) -> list[FaceImage]:
    """An image for each label and split."""
    return [FaceImage(f"{number:03d}", f"{number:03d}.png", *row) for number, row in enumerate(rows)]


def each_its_own(rows: list[FaceImage]) -> list[str]:
    return [image.id for image in rows]


def test_named_splits_stay():
    rows = images(("happy", "train"), ("sad", "val"), ("sad", "test"))
    assert assign_image_splits(rows, each_its_own(rows), val_share=0.5, seed=0) == rows


def test_every_label_gives_about_its_share(caplog):
    rows = images(*[("happy", "")] * 400, *[("sad", "")] * 200)
    found = assign_image_splits(rows, each_its_own(rows), val_share=0.2, seed=3)
    held = Counter(image.label for image in found if image.split == "val")
    assert abs(held["happy"] - 80) < 25 and abs(held["sad"] - 40) < 18
    exact = [f"d{number}" for number in range(100) if place(f"d{number}", 0) > 0.2][:9]
    exact.append(next(f"d{number}" for number in range(100) if place(f"d{number}", 0) < 0.2))
    rows = [*images(*[("happy", "")] * 10), *images(("sad", "train"))]
    assign_image_splits(rows, [*exact, "other"], val_share=0.2, seed=0)
    assert not caplog.records  # one of them lies below the share by itself


def test_copies_that_show_nobody_known_stay_together_beside_subjects():
    rows = images(*[("happy", ""), ("sad", "")] * 21)
    rows[0], rows[1] = (replace(row, subject="ann") for row in rows[:2])
    found = assign_image_splits(rows, [f"d{number // 2}" for number in range(42)], val_share=0.5, seed=0)
    splits = [image.split for image in found]
    assert splits[::2] == splits[1::2] and len(set(splits)) == 2


def test_no_image_moves_when_others_come():
    rows = images(*[("happy", ""), ("sad", ""), ("fear", "")] * 40)
    whole = assign_image_splits(rows, each_its_own(rows), val_share=0.3, seed=1)
    for count in (60, 90, 119):
        part = assign_image_splits(rows[:count], each_its_own(rows[:count]), val_share=0.3, seed=1)
        assert part == whole[:count]
    assert {image.split for image in whole} == {"train", "val"}


def test_a_label_of_which_no_image_would_be_held_out_gives_one_aloud(caplog):
    rows = images(*[("sad", "")] * 3, *[("happy", "")] * 3)
    found = assign_image_splits(rows, each_its_own(rows), val_share=0.01, seed=0)
    assert Counter(image.label for image in found if image.split == "val") == {"sad": 1, "happy": 1}
    assert [record.getMessage().partition(" would")[0] for record in caplog.records] == [
        "by their contents and seed=0 no image of sad", "by their contents and seed=0 no image of happy",
    ]  # fmt: skip


def test_the_seed_decides():
    rows = images(*[("happy", "")] * 20, *[("sad", "")] * 20)
    drawn = [assign_image_splits(rows, each_its_own(rows), val_share=0.2, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_copies_stay_together():
    rows = images(*[("happy", "")] * 20, *[("sad", "")] * 20)
    digests = [f"{number // 2}" for number in range(40)]
    found = assign_image_splits(rows, digests, val_share=0.3, seed=0)
    assert [image.split for image in found[::2]] == [image.split for image in found[1::2]]
    assert repeated_across_splits(found, digests) == 0


def test_a_copy_follows_the_one_whose_split_is_named():
    rows = images(("happy", "val"), ("happy", ""), ("sad", "train"), ("sad", "val"))
    assert assign_image_splits(rows, ["a", "a", "b", "c"], val_share=0.2, seed=0)[1].split == "val"


def test_subjects_are_not_divided():
    rows = [FaceImage(f"{n}", f"{n}.png", ("happy", "sad")[n % 2], "", f"person {n // 4}") for n in range(20)]
    found = assign_image_splits(rows, each_its_own(rows), val_share=0.2, seed=0)
    assert {len({image.split for image in found[first : first + 4]}) for first in range(0, 20, 4)} == {1}
    assert {image.split for image in found} == {"train", "val"}


@pytest.mark.parametrize("seed", range(4))
def test_subjects_are_divided_by_name_and_seed(seed):
    rows = [FaceImage(f"{n}", f"{n}.png", ("happy", "sad")[n % 2], "", f"person {n // 2}") for n in range(40)]
    found = assign_image_splits(rows, each_its_own(rows), val_share=0.3, seed=seed)
    held = {image.subject for image in found if image.split == "val"}
    assert held == {image.subject for image in rows if place(image.subject, seed) < 0.3}


def test_an_image_of_nobody_follows_its_copy_where_others_name_subjects():
    rows = [FaceImage(f"{n}", f"{n}.png", ("happy", "sad")[n % 2], "", f"person {n}") for n in range(6)]
    rows += images(*[("happy", "")] * 2)
    digests = [f"{n}" for n in range(6)] + ["copy", "copy"]
    for seed in range(5):
        found = assign_image_splits(rows, digests, val_share=0.3, seed=seed)
        assert found[-1].split == found[-2].split
        assert found == assign_image_splits(rows, digests, val_share=0.3, seed=seed)


def test_a_subject_on_both_named_sides_does_not_hinder_the_choice_for_others():
    rows = [FaceImage("a", "a", "happy", "train", "p"), FaceImage("b", "b", "sad", "val", "p")]
    rows += [FaceImage("c", "c", "sad", "", "q"), FaceImage("d", "d", "sad", "", "p")]
    assert [image.split for image in assign_image_splits(rows, list("abcd"), val_share=0.2, seed=0)] == [
        "train", "val", "train", "train",
    ]  # fmt: skip


def test_copies_with_several_labels_count_with_the_first():
    rows = images(("happy", ""), ("happy", ""), ("sad", ""), ("sad", ""))
    splits = {assign_image_splits(rows, ["a", "b", "a", "c"], val_share=0.5, seed=seed)[3].split for seed in range(9)}
    assert splits == {"train"}


def test_where_a_val_split_is_named_all_else_trains():
    rows = images(("sad", "val"), *[("happy", "")] * 20)
    found = assign_image_splits(rows, each_its_own(rows), val_share=0.5, seed=0)
    assert Counter(image.split for image in found) == {"val": 1, "train": 20}


@pytest.mark.parametrize(("count", "share", "held"), [(10, 0.01, 1), (2, 1.0, 1), (1, 1.0, 0)])
def test_at_least_one_image_of_a_label_is_held_out_and_one_stays(count, share, held):
    rows = images(("sad", ""), ("sad", ""), *[("happy", "")] * count)
    found = assign_image_splits(rows, each_its_own(rows), val_share=share, seed=0)
    assert sum(image.split == "val" for image in found if image.label == "happy") == held


def test_a_test_split_is_enough_to_evaluate_on():
    rows = images(("happy", "train"), ("sad", "train"), ("sad", "test"))
    assert assign_image_splits(rows, each_its_own(rows), val_share=0.5, seed=0) == rows


def test_images_that_are_on_both_sides_are_counted():
    rows = images(("happy", "train"), ("sad", "val"), ("sad", "test"))
    assert repeated_across_splits(rows, ["a", "a", "b"]) == 1


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([("happy", "train"), ("sad", "train")], "no_val", "name a split val or test"),
        ([("happy", "val"), ("sad", "test")], "no_train", "only in test, val; there is nothing to learn from"),
        ([("happy", "train"), ("happy", "val")], "one_label", "all of 2 images show happy; a model needs two labels"),
        ([("", "train"), ("", "val")], "one_label", "all of 2 images show no label; a model needs two labels"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(rows, code, words):
    found = images(*rows)
    with pytest.raises(DataError, match=words) as caught:
        assign_image_splits(found, each_its_own(found), val_share=0.2, seed=0)
    assert caught.value.code == code
