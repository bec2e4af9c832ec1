"""The permutation test of the mean recall, and the paired comparison of calibration."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from affekt.statistics.calibration import compare_calibration
from affekt.statistics.metrics import evaluate_scores
from affekt.statistics.permutation import chance_of_recall


def test_it_comes_to_what_all_permutations_come_to():
    truth, predicted = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])

    def recall(labels):
        return np.mean([(predicted[labels == k] == k).mean() for k in range(3)])

    every = [recall(np.array(order)) for order in itertools.permutations(truth)]
    exact = np.mean(np.array(every) >= recall(truth) - 1e-9)
    assert chance_of_recall(truth, predicted, draws=20000, seed=1) == pytest.approx(exact, abs=0.01)


def test_a_constant_answer_is_always_chance():
    truth = np.array([0] * 90 + [1] * 10)
    assert chance_of_recall(truth, np.zeros(100, int), draws=200, seed=0) == 1


def test_it_is_never_below_one_of_all_draws():
    truth = np.arange(60) % 3
    assert chance_of_recall(truth, truth, draws=99, seed=0) == 0.01


def test_a_label_that_the_truth_does_not_hold_adds_nothing():
    truth = np.array([0, 2, 0, 2])
    assert chance_of_recall(truth, np.array([0, 2, 0, 3]), draws=5000, seed=0) == pytest.approx(1 / 6, abs=0.02)


def scores(truth, right, sure):
    said = np.where(right, truth, (truth + 1) % 3)
    return np.where(np.eye(3)[said] == 1, sure, (1 - sure) / 2)


TRUTH = np.arange(200) % 3
SUBJECTS = [f"s{n // 10}" for n in range(200)]
HOW = {"draws": 400, "confidence": 0.9, "seed": 0}


def test_the_difference_is_that_of_the_calibration_errors():
    rng = np.random.default_rng(0)
    sides = [scores(TRUTH, rng.random(200) < 0.7, rng.uniform(0.4, 1, (200, 1))) for _ in range(2)]
    sides[1][:20] = np.nan
    errors = [evaluate_scores(TRUTH, side, "abc", bootstrap=100).expected_calibration_error for side in sides]
    found, low, high = compare_calibration(TRUTH, *sides, SUBJECTS, **HOW)
    assert found == pytest.approx(errors[1] - errors[0])
    assert low < found < high


def test_the_same_answers_are_calibrated_alike():
    side = scores(TRUTH, TRUTH == 0, 0.9)
    assert compare_calibration(TRUTH, side, side, SUBJECTS, **HOW) == (0, 0, 0)


def test_clips_of_one_person_say_less_than_those_of_many():
    rng = np.random.default_rng(1)
    people = np.repeat(rng.random(20) < 0.5, 10)  # right on all clips of some, on none of the others
    sides = scores(TRUTH, people, 0.5), scores(TRUTH, people, 0.9)

    def width(subjects):
        _, low, high = compare_calibration(TRUTH, *sides, subjects, **HOW)
        return high - low

    assert width(SUBJECTS) > 1.5 * width([""] * 200)


def test_one_person_alone_shows_no_spread():
    sides = scores(TRUTH, TRUTH == 0, 0.5), scores(TRUTH, TRUTH == 0, 0.9)
    found, low, high = compare_calibration(TRUTH, *sides, ["s"] * 200, **HOW)
    assert low == found == high
