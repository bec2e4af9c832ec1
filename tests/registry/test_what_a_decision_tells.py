"""What a decision says of its own strength: what it might spend, and what it could have found."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from affekt.registry import ScoreVectors, decide
from affekt.registry.detectable import above_champion, above_chance
from affekt.registry.spending import Level
from affekt.statistics.differences import differences
from affekt.statistics.power import Design

LABELS = ("angry", "happy", "sad")
TRUTH = np.arange(120) % 2
LEVEL = Level(0.02, 3, 0.05, 52)
HOW = {"margin": 0.01, "bootstrap": 200, "seed": 5, "level": lambda: LEVEL, "explain": True}


def answers(wrong: int, unit: str = "images") -> ScoreVectors:
    """Of two labels; every so-many-th is wrong, and the first twelve were learned."""
    said = np.where(np.arange(120) % wrong, TRUTH, 2)
    names, subjects = (tuple(f"{kind}{n // of}" for n in range(120)) for kind, of in (("clip", 1), ("s", 12)))
    learned = np.arange(120) < 12
    return ScoreVectors(names, LABELS, np.eye(3)[said], TRUTH, subjects, unit=unit, learned=learned)


def test_against_a_champion_it_tells_the_gains_in_accuracy_that_would_be_found():
    challenger, champion = answers(10), answers(3)
    decision = decide(challenger, champion, confidence=0.8, **HOW)
    kept = np.arange(120) >= 12
    people = challenger.rows(kept).subjects
    design = Design.of(people, champion.right[kept], challenger.right[kept])
    could = above_champion(design, people, LEVEL, 0.01, seed=5, unit="images")
    assert decision.figures["power"] == could.to_dict()
    assert decision.reasons[-2] == could.told()
    assert decision.reasons[-3].startswith("It is challenger 3 of this champion.")
    assert (decision.figures["level"], decision.figures["number"]) == (0.02, 3)
    assert could.unit == "images"
    assert decision.figures["differences"] == differences(
        TRUTH[kept], champion.probabilities[kept], challenger.probabilities[kept], LABELS, people,
        confidence=0.8, bootstrap=200, seed=5,
    ).to_dict()  # fmt: skip


def test_without_a_champion_it_tells_the_recall_above_chance_of_the_labels_that_are_there():
    challenger = answers(10)
    decision = decide(challenger, None, **HOW)
    people = challenger.rows(np.arange(120) >= 12).subjects
    could = above_chance(Design.of(people), people, 2, LEVEL, seed=5, unit="images")
    assert decision.figures["power"] == could.to_dict()
    assert decision.reasons[-2] == could.told()
    assert decision.reasons[-3].startswith("It is challenger 3 without a champion.")
    assert "differences" not in decision.figures


@pytest.mark.parametrize("champion", [None, answers(3)])
def test_where_nobody_asks_it_says_nothing_of_this(champion):
    decision = decide(answers(10), champion, bootstrap=200)
    assert not {"power", "differences", "level", "number"} & set(decision.figures)
    assert not any("challenger 0" in reason or "times of 100" in reason for reason in decision.reasons)


def test_without_a_level_the_chance_is_half_of_what_is_missing_to_the_confidence():
    told = decide(answers(10), answers(3), confidence=0.8, bootstrap=200, explain=True).figures["power"]
    assert told["level"] == pytest.approx(0.1)


def test_a_budget_of_one_and_a_level_of_nobody_are_not_told():
    assert dataclasses.replace(LEVEL, budget=1.0).told(first=True) == []
    assert dataclasses.replace(LEVEL, number=0).told(first=True) == []
    assert dataclasses.replace(LEVEL, number=0).figures == {}
    assert LEVEL.told(first=True) == [
        "It is challenger 3 without a champion. Were it no better, it would win by chance in at most 2 of 100 cases, "
        "any of 52 such in a row in 5 (gate.false_promotions)."
    ]
