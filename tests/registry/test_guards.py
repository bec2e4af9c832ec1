"""What a gain in accuracy must not be bought with."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from affekt.registry import ScoreVectors, decide
from affekt.registry.guards import Guards

LABELS = ("angry", "happy", "sad")


def vectors(truth: np.ndarray, said: np.ndarray, sure: float | np.ndarray = 0.6) -> ScoreVectors:
    """Answers given outright, with a confidence; people of thirty clips."""
    truth, said = np.asarray(truth), np.asarray(said)
    certain = np.broadcast_to(sure, truth.shape)[:, None]
    scores = np.where(np.eye(3)[said] == 1, certain, (1 - certain) / 2)
    names = tuple(f"clip{n}" for n in range(len(truth)))
    subjects = tuple(f"s{n // 30}" for n in range(len(truth)))
    return ScoreVectors(names, LABELS, scores, truth, subjects, learned=np.zeros(len(truth), bool))


def wrong(truth: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The truth, but another label in these rows."""
    return np.where(rows, (truth + 1) % 3, truth)


EVEN = np.arange(300) % 3
NUMBER = np.arange(300) // 3 % 10  # of a clip among ten of its label


def test_a_constant_answer_never_wins_on_unbalanced_clips():
    truth = np.where(np.arange(300) % 10 < 8, 1, np.arange(300) % 3)
    champion = vectors(truth, wrong(truth, np.arange(300) % 2 == 0))
    constant = vectors(truth, np.ones(300, int))
    decision = decide(constant, champion)
    assert decision.figures["difference_low"] > 0.1
    assert not decision.promote
    assert "It gives all 300 clips the same answer." in decision.reasons
    assert decision.reasons[-1] == "The whole interval shows a gain, but not at such a price: the champion stays."


def test_a_gain_on_the_frequent_label_alone_does_not_count():
    # All of the frequent label, and a tenth of each other; the champion is right on half of everything.
    truth = np.where(np.arange(300) % 10 < 8, 1, np.arange(300) % 3)
    rare = (truth != 1) & (np.arange(300) % 100 > 9)
    champion = vectors(truth, wrong(truth, np.arange(300) // 10 % 2 == 0))
    decision = decide(vectors(truth, np.where(rare, 1, truth)), champion)
    assert decision.figures["difference_low"] > 0
    assert not decision.promote
    assert any("right more often on frequent labels alone" in reason for reason in decision.reasons)


def test_an_equal_mean_recall_is_enough():
    # A gain of one label in 90 clips, a loss of the same share in another of 30.
    truth = (np.arange(240) % 4 == 3).astype(int)
    half = np.arange(240) // 4 % 2 == 0
    champion = vectors(truth, np.where((truth == 0) & half, 2, truth))
    challenger = vectors(truth, np.where((truth == 1) & half, 2, truth), 0.8)
    decision = decide(challenger, champion, guards=Guards(max_recall_fall=1))
    assert decision.promote


def test_a_label_that_collapsed_does_not_pay_for_others():
    champion = vectors(EVEN, wrong(EVEN, NUMBER < 6))
    challenger = vectors(EVEN, np.where(EVEN == 2, 0, EVEN))
    decision = decide(challenger, champion)
    assert decision.figures["difference_low"] > 0.1
    assert not decision.promote
    assert "It never answers sad, on which the champion is right 40.0% of the time." in decision.reasons


def test_a_label_that_the_champion_never_gets_right_may_stay_out():
    champion = vectors(EVEN, np.where((EVEN == 2) | (NUMBER < 6), (EVEN + 1) % 2, EVEN))
    assert decide(vectors(EVEN, np.where(EVEN == 2, 0, EVEN)), champion).promote


def loss(share_of_ten: int) -> tuple[ScoreVectors, ScoreVectors]:
    """A challenger far better on two labels, and worse on 'sad' by so many tenths; the champion has 8 of them."""
    champion = vectors(EVEN, wrong(EVEN, np.where(EVEN == 2, NUMBER >= 8, NUMBER >= 3)))
    challenger = vectors(EVEN, wrong(EVEN, (EVEN == 2) & (8 - share_of_ten <= NUMBER)), 0.7)
    return challenger, champion


def test_a_labels_recall_may_not_fall_by_more_than_its_bound():
    decision = decide(*loss(4))
    assert not decision.promote
    assert (
        "Its recall of sad falls from 80.0% to 40.0%, by more than the 10.0 points of gate.max_recall_fall and beyond "
        "noise."
    ) in decision.reasons
    assert decide(*loss(4), guards=Guards(max_recall_fall=0.4)).promote
    assert decide(*loss(1)).promote


def test_a_fall_within_noise_does_not_count():
    challenger, champion = loss(4)
    few = np.flatnonzero((EVEN != 2) | (np.arange(300) < 15))
    keep = np.isin(np.arange(300), few)
    assert decide(challenger.rows(keep), champion.rows(keep)).promote


def test_who_is_always_sure_is_worse_calibrated():
    champion = vectors(EVEN, wrong(EVEN, NUMBER >= 6), 0.6)
    better = wrong(EVEN, NUMBER >= 8)
    assert decide(vectors(EVEN, better, 0.8), champion).promote
    boastful = decide(vectors(EVEN, better, 0.999), champion)
    assert not boastful.promote
    assert (
        "Its calibration error is 19.9 points above the champion's, more than the 10.0 of gate.max_calibration_rise "
        "and beyond noise."
    ) in boastful.reasons
    assert decide(vectors(EVEN, better, 0.999), champion, guards=Guards(max_calibration_rise=0.2)).promote
    assert decide(vectors(EVEN, better, 0.89), champion).promote


def test_labels_may_not_get_fewer_unless_told():
    champion = dataclasses.replace(vectors(EVEN, wrong(EVEN, NUMBER >= 5)), own_labels=(*LABELS, "fear", "disgust"))
    challenger = vectors(EVEN, EVEN, 0.8)
    decision = decide(challenger, champion)
    assert not decision.promote
    assert (
        "It cannot answer fear, disgust, which the champion can; if that is meant, set gate.allow_fewer_labels=true."
    ) in decision.reasons
    assert decide(challenger, champion, guards=Guards(allow_fewer_labels=True)).promote
    more = dataclasses.replace(challenger, own_labels=(*LABELS, "fear"))
    assert decide(more, dataclasses.replace(champion, own_labels=LABELS)).promote


def test_without_a_gain_no_guard_is_asked():
    same = vectors(EVEN, np.zeros(300, int))
    decision = decide(same, same)
    assert decision.reasons[-1] == "A gain is not certain enough on these clips: the champion stays."
    assert len(decision.reasons) == 4


@pytest.mark.parametrize("seed", range(4))
def test_the_verdict_is_the_last_reason_and_says_what_was_decided(seed):
    rng = np.random.default_rng(seed)
    for _ in range(10):
        truth = rng.choice(3, 90, p=rng.dirichlet(np.ones(3)))
        sides = [vectors(truth, np.where(rng.random(90) < rng.random(), truth, rng.choice(3, 90))) for _ in range(2)]
        for champion in (sides[1], None):
            decision = decide(sides[0], champion, bootstrap=100)
            assert decision.promote == ("becomes the" in decision.reasons[-1])
            assert not any("becomes" in reason or "stays" in reason for reason in decision.reasons[:-1])
