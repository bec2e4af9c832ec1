"""Each bound of the guards by itself: where it lies, and over what a fall has to be beyond noise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from affekt.registry import ScoreVectors, decide, guards
from affekt.registry.guards import Both, Guards

LABELS = ("angry", "happy", "sad")
TRUTH = np.arange(300) % 3
NUMBER = np.arange(300) // 3 % 10  # of a clip among ten of its label


def answers(said: np.ndarray, sure: float | np.ndarray = 0.6) -> np.ndarray:
    certain = np.broadcast_to(sure, said.shape)[:, None]
    return np.where(np.eye(3)[said] == 1, certain, (1 - certain) / 2)


def both(champion: np.ndarray, challenger: np.ndarray, *, people: int = 10, seed: int = 7, truth=TRUTH) -> Both:
    subjects = tuple(f"s{row * people // len(truth)}" for row in range(len(truth)))
    return Both(LABELS, truth, subjects, champion, challenger, LABELS, LABELS, "clips", 0.9, 400, seed)


def test_the_gate_asks_the_guards_with_its_seed_and_keeps_its_reasons(monkeypatch):
    asked = []

    def compare(*sides, **how):
        asked.append(how["seed"])
        return 0.3, 0.1, 0.5

    monkeypatch.setattr(guards, "compare_calibration", compare)
    names, subjects = (tuple(f"{kind}{row // of}" for row in range(300)) for kind, of in (("clip", 1), ("s", 30)))
    challenger, champion = (
        ScoreVectors(names, LABELS, answers(said), TRUTH, subjects, learned=np.zeros(300, bool))
        for said in (TRUTH, np.where(NUMBER < 5, (TRUTH + 1) % 3, TRUTH))
    )
    reasons = decide(challenger, champion, bootstrap=200, seed=9).reasons
    assert asked == [9]
    assert reasons[0].startswith("On the same 300 clips")
    assert reasons[-2].startswith("Its calibration error")


def test_every_label_that_fell_has_its_sentence():
    # The first is never answered any more, the second is right half as often.
    said = np.where(TRUTH == 0, 2, np.where((TRUTH == 1) & (NUMBER < 5), 2, TRUTH))
    _, first, second = Guards(max_calibration_rise=1).broken(both(answers(TRUTH), answers(said)))
    assert first.startswith("It never answers angry")
    assert second.startswith("Its recall of happy falls from 100.0% to 50.0%")


def test_a_fall_is_compared_over_its_labels_people_with_the_labels_share_of_the_chance(monkeypatch):
    asked = []

    def compare(truth, champion, challenger, subjects, **how):
        asked.append((set(truth.tolist()), subjects, how))
        return found(truth, champion, challenger, subjects, **how)

    found = guards.compare_paired
    monkeypatch.setattr(guards, "compare_paired", compare)
    said = np.where((TRUTH == 1) & (NUMBER < 5), 2, TRUTH)
    Guards().broken(both(answers(TRUTH), answers(said)))
    ((truth, subjects, how),) = asked
    assert truth == {1}
    assert subjects == [f"s{n // 10}" for n in range(100)]
    assert how == {"bootstrap": 400, "confidence": pytest.approx(1 - 0.1 / 3), "seed": 7}


def test_calibration_is_compared_with_the_gates_seed(monkeypatch):
    asked = []

    def compare(*sides, **how):
        asked.append(how)
        return 0.0, 0.0, 0.0

    monkeypatch.setattr(guards, "compare_calibration", compare)
    Guards().broken(both(answers(TRUTH), answers(TRUTH)))
    assert asked == [{"draws": 400, "confidence": 0.9, "seed": 7}]


@pytest.mark.parametrize(("low", "broken"), [(0.0, False), (0.01, True)])
def test_a_rise_whose_interval_begins_at_zero_may_be_noise(monkeypatch, low, broken):
    monkeypatch.setattr(guards, "compare_calibration", lambda *sides, **how: (0.3, low, 0.5))
    assert bool(Guards().broken(both(answers(TRUTH), answers(TRUTH)))) is broken


@pytest.mark.parametrize(("high", "broken"), [(0.0, False), (-0.01, True)])
def test_a_fall_whose_interval_ends_at_zero_may_be_noise(monkeypatch, high, broken):
    monkeypatch.setattr(guards, "compare_paired", lambda *sides, **how: SimpleNamespace(ci95=(-0.5, high)))
    said = np.where((TRUTH == 1) & (NUMBER < 5), 0, np.where((TRUTH == 0) & (NUMBER < 1), 0, TRUTH))
    champion = np.where((TRUTH == 0) & (NUMBER < 6), 2, TRUTH)  # whose mean recall is below
    assert bool(Guards(max_calibration_rise=1).broken(both(answers(champion), answers(said)))) is broken


def test_one_answer_to_clips_of_two_labels_is_a_fault():
    truth = np.arange(30) % 2
    said = np.ones(30, int)
    assert Guards().broken(both(answers(said), answers(said), truth=truth)) == [
        "It gives all 30 clips the same answer."
    ]


def test_one_answer_to_clips_of_one_label_is_no_fault():
    truth = np.ones(30, int)
    assert Guards().broken(both(answers(truth), answers(truth), truth=truth)) == []
