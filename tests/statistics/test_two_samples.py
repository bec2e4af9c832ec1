"""Two samples of one distribution are told apart no more often than said; of two distributions they are."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics.drift import adjusted, compare_numbers, compare_words
from affekt.statistics.label_shift import label_scores, label_weights, mix_moved, normal_scores, told_apart


def test_numbers_of_another_distribution_are_told_apart():
    chance = np.random.default_rng(0)
    old, new = chance.normal(size=200), chance.normal(1, size=100)
    distance, p = compare_numbers(old, new)
    assert distance > 0.25
    assert p < 1e-4


def test_weights_undo_another_mix():
    chance = np.random.default_rng(0)
    kind = np.repeat([0, 1], [300, 100])
    old = chance.normal(kind * 3.0)
    new = chance.normal(np.repeat([0, 1], [50, 150]) * 3.0)
    weights = np.array([0.25 / 0.75, 0.75 / 0.25])[kind]
    assert compare_numbers(old, new)[1] < 1e-6
    assert compare_numbers(old, new, weights)[1] > 0.05


@pytest.mark.parametrize("weighted", [False, True])
def test_false_alarms_are_as_rare_as_said(weighted):
    chance = np.random.default_rng(1)
    weights = np.ones(80) if weighted else None
    p = [compare_numbers(chance.normal(size=80), chance.normal(size=60), weights)[1] for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.07


def test_words_are_compared_by_their_shares():
    old, new = ["a"] * 50 + ["b"] * 50, ["a"] * 80 + ["b"] * 20
    distance, p = compare_words(old, new)
    assert distance == pytest.approx(0.3)
    assert p < 1e-4
    assert compare_words(old, old)[1] == pytest.approx(1.0)
    assert compare_words(["a"] * 50, ["a"] * 50) == (0.0, 1.0)


def test_rare_words_are_taken_together():
    many = [f"rare{number}" for number in range(30)]
    assert compare_words(["a"] * 70 + many, ["a"] * 70 + [f"other{number}" for number in range(30)])[1] > 0.9


def test_too_few_are_not_compared():
    assert compare_numbers(np.zeros(19), np.zeros(99)) is None
    assert compare_numbers(np.zeros(20), np.zeros(99)) is not None
    assert compare_words("a" * 19, "a" * 99) is None
    assert compare_words("a" * 20, "a" * 99) is not None


def test_many_columns_are_adjusted_for_their_number():
    assert adjusted([0.01, 0.02, 0.9]) == pytest.approx([0.03, 0.03, 0.9])
    assert len(adjusted([])) == 0


def test_a_test_that_counts_for_more_is_found_with_a_larger_p():
    assert adjusted([0.01, 0.02], [1.5, 0.5]) == pytest.approx([0.4 / 30, 0.04])
    assert adjusted([0.9, 0.9], [0.5, 1.5]) == pytest.approx([1.0, 1.0])


def clips(truth, seed, *, voice=0.0):
    """Answers that are often wrong, and rows of two numbers, the first of which goes by the label."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(size=(len(truth), 3))
    logits[np.arange(len(truth)), truth] += 1.2
    rows = np.column_stack([chance.normal(truth), chance.normal(voice, size=len(truth))])
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rows


def compared(truth, others, **changed):
    """Weights and both tests of labelled rows and others."""
    (first, old), (second, new) = clips(truth, 2), clips(others, 3, **changed)
    old, new = normal_scores(old, new)
    scores = label_scores((first, old), truth, (second, new))
    mix, weights = label_weights(scores[0], truth, scores[1])
    return mix, weights, mix_moved(*scores), told_apart(old, new, weights)


EVEN, OTHER = np.repeat([0, 1, 2], 200), np.repeat([0, 1, 2], [360, 120, 120])


def test_another_mix_of_labels_is_estimated_from_answers_that_are_often_wrong():
    mix, weights, p, (distance, _) = compared(EVEN, OTHER)
    assert mix == pytest.approx([0.6, 0.2, 0.2], abs=0.08)
    assert weights[EVEN == 0][0] == pytest.approx(mix[0] * 3)
    assert p < 1e-6
    assert distance < 0.1  # under the new mix nothing tells them apart


def test_rows_that_are_others_are_told_apart_whatever_their_labels():
    _, _, p, (distance, certain) = compared(EVEN, EVEN, voice=2.0)
    assert p > 0.001
    assert distance > 0.7
    assert certain < 1e-6


def test_a_score_is_of_a_regression_that_did_not_see_the_row():
    truth = np.tile([0, 1], 30)
    answers, rows = clips(truth, 4)
    scores, others = label_scores((answers, rows), truth, (answers[:1], rows[:1]))
    assert scores.sum(axis=1) == pytest.approx(np.ones(60))
    # Of labels drawn by chance it knows less than nothing.
    chance = np.random.default_rng(5).permutation(truth)
    noise = np.random.default_rng(6).normal(size=(60, 50))
    unknown, _ = label_scores((np.ones((60, 3)) / 3, noise), chance, (np.ones((1, 3)) / 3, noise[:1]))
    assert np.mean(unknown.argmax(axis=1) == chance) < 0.65
    assert others.shape == (1, 2)


def test_a_mix_moves_as_rarely_by_chance_as_said():
    chance = np.random.default_rng(7)
    p = [mix_moved(chance.dirichlet([1, 1, 1], 60), chance.dirichlet([1, 1, 1], 40)) for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.07
    assert mix_moved(np.full((60, 2), 0.5), np.full((40, 2), 0.5)) == 1.0
