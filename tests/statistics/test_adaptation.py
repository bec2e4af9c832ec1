"""How adapted answers get better with the clips of a person that are known."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics.adaptation import adaptation_curve

SUBJECTS = ["a"] * 20 + ["b"] * 9 + ["c"] + [""] * 3
TRUTH = np.arange(33) % 2
PLAIN = np.tile([0.9, 0.1], (33, 1))  # always the first label


def told(rows: np.ndarray, names: list[str]) -> np.ndarray:
    """Right as soon as four clips are known together, else the plain answers."""
    sizes = {name: names.count(name) for name in set(names)}
    return np.array(
        [np.eye(2)[TRUTH[row]] if sizes[name] >= 4 else PLAIN[row] for row, name in zip(rows, names, strict=True)]
    )


def curve(truth=TRUTH, adapt=told):
    return adaptation_curve(truth, SUBJECTS, PLAIN, adapt, bootstrap=200, confidence=0.95, seed=0)


def test_each_number_of_known_clips_counts_the_people_who_have_so_many():
    found = curve()
    assert [(point.known, point.people, point.clips) for point in found.points] == [
        (1, 2, 29), (2, 2, 29), (4, 2, 29), (8, 2, 29), (16, 1, 20),
    ]  # fmt: skip
    assert set(found.by_subject) == {"a", "b"}
    assert list(found.by_subject["b"]) == ["1", "2", "4", "8"]


def test_the_accuracy_is_that_of_the_groups_and_is_set_against_the_plain_one():
    one, two, four, *_ = curve().points
    assert one.accuracy == one.plain == two.accuracy == pytest.approx((TRUTH[:29] == 0).mean())
    assert (four.accuracy, four.plain) == (1.0, one.plain)
    assert four.gain_ci95[0] <= four.accuracy - four.plain <= four.gain_ci95[1]


def test_every_group_holds_one_person_and_as_many_clips_as_are_known():
    seen = set()

    def adapt(rows, names):
        for name in set(names):
            group = rows[[other == name for other in names]]
            assert len({SUBJECTS[row] for row in group}) == 1
            assert len(set(group)) == len(group)
            seen.add(len(group))
        return PLAIN[rows]

    curve(adapt=adapt)
    assert seen == {2, 4, 8, 16}


def test_clips_without_a_label_are_known_and_not_counted():
    truth = np.where(np.arange(33) < 10, -1, TRUTH)
    assert [point.clips for point in curve(truth).points] == [19, 19, 19, 19, 10]


def test_without_a_person_of_two_clips_there_is_none():
    assert adaptation_curve(np.zeros(2, int), ["a", "b"], PLAIN[:2], told, bootstrap=9, confidence=0.9, seed=0) is None
