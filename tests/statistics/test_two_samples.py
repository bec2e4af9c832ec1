"""Two samples of one distribution are told apart no more often than said; of two distributions they are."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics.drift import adjusted, compare_numbers, compare_words, label_weights


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


def test_another_mix_of_labels_is_estimated_from_answers_that_are_often_wrong():
    chance = np.random.default_rng(2)

    def answers(truth):
        logits = chance.normal(size=(len(truth), 3))
        logits[np.arange(len(truth)), truth] += 1.2
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    truth, others = np.repeat([0, 1, 2], 200), np.repeat([0, 1, 2], [360, 120, 120])
    mix, weights = label_weights(answers(truth), truth, answers(others))
    assert mix == pytest.approx([0.6, 0.2, 0.2], abs=0.08)
    assert weights[truth == 0][0] == pytest.approx(mix[0] * 3)
