"""Clips that either side learned from do not count in the gate."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from affekt.registry import ScoreVectors, decide
from affekt.registry.guards import Guards

LABELS = ("angry", "happy", "sad")
CLIPS = 120


def vectors(right: np.ndarray, *, learned: np.ndarray | None) -> ScoreVectors:
    """Answers that are right on the marked clips; twelve people of ten clips."""
    truth = np.arange(CLIPS) % 3
    said = np.where(right, truth, (truth + 1) % 3)
    subjects = tuple(f"s{n // 10:02d}" for n in range(CLIPS))
    names = tuple(f"clip{n}" for n in range(CLIPS))
    scores = np.where(np.eye(3)[said] == 1, 0.6, 0.2)
    return ScoreVectors(names, LABELS, scores, truth, subjects, learned=learned)


def rows(first: int, last: int) -> np.ndarray:
    return (np.arange(CLIPS) >= first) & (np.arange(CLIPS) < last)


NONE = np.zeros(CLIPS, bool)


def test_a_champion_that_knows_the_clips_by_heart_is_evaluated_on_the_others():
    # Right on all of what it learned, on a third of the rest; the challenger is right on two thirds everywhere.
    known = rows(0, 60)
    champion = vectors(known | (np.arange(CLIPS) % 7 < 2), learned=known)
    challenger = vectors(np.arange(CLIPS) % 7 < 5, learned=NONE)
    assert challenger.right.sum() < champion.right.sum() + 20
    assert not decide(challenger, dataclasses.replace(champion, learned=NONE)).promote
    decision = decide(challenger, champion)
    assert decision.promote
    assert (decision.figures["clips"], decision.figures["left_out"]) == (60, 60)
    assert decision.figures["accuracy_champion"] == champion.right[60:].mean()
    assert decision.reasons[-2] == (
        "60 of 120 clips do not count: they or their subjects were learned (60 by the champion, 0 by the challenger)."
    )


def test_what_the_challenger_learned_does_not_count_either():
    known = rows(0, 80)
    challenger, champion = vectors(known, learned=known), vectors(rows(80, 120), learned=rows(0, 5))
    decision = decide(challenger, champion)
    assert not decision.promote
    assert decision.figures["clips"] == 40
    assert (decision.figures["accuracy_challenger"], decision.figures["accuracy_champion"]) == (0, 1)
    assert "80 of 120 clips do not count" in decision.reasons[-2]
    assert "(5 by the champion, 80 by the challenger)" in decision.reasons[-2]


def test_a_first_model_is_not_evaluated_on_what_it_learned():
    known = rows(0, 90)
    decision = decide(vectors(known, learned=known), None)
    assert not decision.promote
    assert decision.figures["accuracy_challenger"] == 0
    assert (
        "90 of 120 clips do not count: they or their subjects were learned (90 by the challenger)." in decision.reasons
    )


@pytest.mark.parametrize("champion", [True, False])
def test_if_nothing_is_left_it_cannot_be_evaluated(champion):
    everything = np.ones(CLIPS, bool)
    other = vectors(everything, learned=everything) if champion else None
    decision = decide(vectors(everything, learned=NONE if champion else everything), other)
    assert (decision.promote, decision.evaluated) == (False, False)
    assert decision.to_dict()["judged"] is False  # the key of the stored document
    assert decision.figures == {"clips": 0, "left_out": 120}
    assert decision.reasons[-1].startswith("It cannot be evaluated, so nothing is promoted. Keep people in the split")


@pytest.mark.parametrize(
    ("guards", "evaluated"),
    [
        (Guards(min_clips=30, min_subjects=3), True),
        (Guards(min_clips=31), False),
        (Guards(min_subjects=4), False),
    ],
)
def test_how_much_must_be_left_is_a_setting(guards, evaluated):
    champion, challenger = vectors(NONE, learned=rows(0, 90)), vectors(~NONE, learned=NONE)
    decision = decide(challenger, champion, guards=guards)
    assert decision.evaluated is evaluated
    assert decision.promote is evaluated
    if not evaluated:
        assert decision.reasons[1] == (
            f"There are 30 clips of 3 known subjects left to evaluate on, and the gate asks for {guards.min_clips} of "
            f"{guards.min_subjects} (gate.min_clips, gate.min_subjects)."
        )


def test_people_without_a_name_are_no_known_subjects():
    nobody = dataclasses.replace(vectors(~NONE, learned=NONE), subjects=("",) * CLIPS)
    assert not decide(nobody, None, guards=Guards(min_subjects=1)).evaluated
    assert decide(nobody, None).promote


def test_where_nothing_was_learned_nothing_is_said_about_it():
    decision = decide(vectors(~NONE, learned=NONE), vectors(NONE, learned=NONE))
    assert decision.promote and decision.evaluated
    assert not any("learned" in reason for reason in decision.reasons)


def test_a_champion_that_does_not_say_what_it_learned_is_said_to_be_favoured():
    decision = decide(vectors(~NONE, learned=NONE), vectors(NONE, learned=None))
    assert decision.promote
    assert "may count in its favour" in decision.reasons[-2]
    assert not any("favour" in reason for reason in decide(vectors(~NONE, learned=None), None).reasons)


def test_marks_belong_to_clips_in_any_order():
    champion = vectors(NONE, learned=rows(0, 40))
    turned = dataclasses.replace(
        champion,
        clips=champion.clips[::-1], probabilities=champion.probabilities[::-1], truth=champion.truth[::-1],
        subjects=champion.subjects[::-1], learned=champion.learned[::-1],
    )  # fmt: skip
    challenger = vectors(rows(0, 100), learned=NONE)
    assert decide(challenger, turned).to_dict() == decide(challenger, champion).to_dict()


def test_as_many_marks_as_clips_are_expected():
    with pytest.raises(ValueError, match="2 marks of what was learned for 120 clips"):
        vectors(NONE, learned=np.zeros(2, bool))
