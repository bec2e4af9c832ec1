"""Several models on the same clips: any two of them, and all by group of clips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affekt.statistics.metrics import GroupFigures
from affekt.statistics.paired import compare_paired
from affekt.statistics.pairs import Pair, add_accuracies, compare_all

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 3, 60)
ANSWERS = {name: RNG.dirichlet(np.ones(3), 60) for name in ("face", "voice", "both")}
PEOPLE = [str(row // 6) for row in range(60)]


def test_every_pair_is_compared_once_as_two_alone_are() -> None:
    found = compare_all(TRUTH, ANSWERS, PEOPLE, bootstrap=50, confidence=0.8, seed=3)
    pairs = [("face", "voice"), ("face", "both"), ("voice", "both")]
    assert found == tuple(
        Pair(a, b, compare_paired(TRUTH, ANSWERS[a], ANSWERS[b], PEOPLE, bootstrap=50, confidence=0.8, seed=3))
        for a, b in pairs
    )


def test_what_is_not_said_is_as_for_two_alone() -> None:
    for subjects in (None, PEOPLE):
        (found,) = compare_all(TRUTH, {name: ANSWERS[name] for name in ("face", "voice")}, subjects)
        assert found == Pair("face", "voice", compare_paired(TRUTH, ANSWERS["face"], ANSWERS["voice"], subjects))


def test_accuracies_are_those_of_the_clips_of_the_group() -> None:
    alone = {name: GroupFigures(clips, 1, 0.5, (0.0, 1.0), "clips") for name, clips in (("f", 2), ("m", 1))}
    right = {"face": np.array([True, False, True]), "voice": np.array([False, False, True])}
    assert add_accuracies(alone, ["f", "f", "m"], right) == {
        "f": replace(alone["f"], accuracy_of={"face": 0.5, "voice": 0.0}),
        "m": replace(alone["m"], accuracy_of={"face": 1.0, "voice": 1.0}),
    }
