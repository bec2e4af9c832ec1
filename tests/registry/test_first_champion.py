"""Whether a model may be the first champion: on which figures that rests, and where the bounds lie."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from affekt.registry import ScoreVectors, decide
from affekt.registry.first_champion import beats_chance
from affekt.registry.spending import Level, Spending
from affekt.statistics.metrics import evaluate_scores, predictions
from affekt.statistics.permutation import chance_of_recall


def answers(wrong: int, *, labels: int = 3, count: int = 60, people: bool = True, unit: str = "clips") -> ScoreVectors:
    """Sure answers, of which every so-many-th is wrong."""
    truth = np.arange(count) % labels
    said = np.where(np.arange(count) % wrong, truth, (truth + 1) % labels)
    names = tuple(f"{n}" for n in range(count))
    subjects = tuple(f"s{n // 6}" if people else "" for n in range(count))
    return ScoreVectors(names, tuple("abcd"[:labels]), np.eye(labels)[said], truth, subjects, unit=unit)


def test_it_rests_on_the_bootstrap_and_the_permutation_of_the_given_level_number_and_seed():
    challenger = answers(2)
    figures = beats_chance(challenger, Level(0.1), bootstrap=300, seed=4).figures
    found = evaluate_scores(
        challenger.truth, challenger.probabilities, challenger.labels, challenger.subjects,
        bootstrap=300, confidence=0.8, seed=4,
    )  # fmt: skip
    ends = figures["balanced_accuracy_low"], figures["balanced_accuracy_high"]
    assert ends == tuple(found.unweighted_average_recall_ci95)
    said = predictions(challenger.probabilities)
    assert figures["p_value"] == chance_of_recall(challenger.truth, said, draws=300, seed=4)


@pytest.mark.parametrize(
    ("people", "unit", "over"), [(True, "images", "subjects"), (False, "images", "images"), (False, "clips", "clips")]
)
def test_what_is_resampled_is_told_under_its_name(people, unit, over):
    reasons = beats_chance(answers(5, people=people, unit=unit), Level(0.1), bootstrap=200, seed=0).reasons
    assert f"(resampling {over})" in reasons[2]


def test_two_labels_are_enough():
    assert beats_chance(answers(10, labels=2), Level(0.05), bootstrap=200, seed=0).promote


def test_a_chance_of_exactly_what_may_be_spent_is_too_much():
    challenger = answers(2, count=18, people=False)
    p_value = beats_chance(challenger, Level(0.2), bootstrap=400, seed=0).figures["p_value"]
    exact, more = (
        beats_chance(challenger, Level(chance), bootstrap=400, seed=0) for chance in (p_value, p_value + 1e-6)
    )
    assert exact.figures["p_value"] == more.figures["p_value"] == p_value
    assert exact.figures["balanced_accuracy_low"] > 1 / 3
    assert (exact.promote, more.promote) == (False, True)
    assert "is not below" in exact.reasons[3] and "not below" not in more.reasons[3]


def test_marks_of_what_was_learned_may_be_numbers():
    marks = np.arange(60) < 12
    told = [decide(dataclasses.replace(answers(5), learned=kind), None, bootstrap=200) for kind in (marks, marks * 1)]
    assert told[0] == told[1]
    assert told[0].figures["left_out"] == 12


def test_a_level_has_its_number_budget_and_period():
    assert Spending(confidence=0.9).level(4) == Level(pytest.approx(0.05), 4)
    level = Spending(confidence=0.9, false_promotions=0.05, decisions=20).level(3)
    assert (level.number, level.budget, level.period) == (3, 0.05, 20)
    assert "in at most 5.5 of 100 cases, any of 20 such" in Level(0.055, 3, 0.05, 20).told(first=True)[0]
