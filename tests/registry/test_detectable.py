"""What a decision says that it could have found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affekt.registry import ScoreVectors, decide
from affekt.registry.detectable import above_champion, above_chance
from affekt.registry.spending import Level, Spending
from affekt.statistics.power import Design

PEOPLE = [f"s{n // 18}" for n in range(360)]
FIRST = Spending(0.95, 0.05, 52).level(1)


def test_against_a_champion_it_is_a_gain_on_these_people():
    could = above_champion(Design.of(PEOPLE), PEOPLE, FIRST, 0.0, seed=0)
    hits, smallest = round(100 * could.found["10"]), 100 * could.gain_found_80_of_100
    assert could.told() == (
        f"On these 20 subjects a gain of 10 points is found {hits} times of 100, one of {smallest:.3g} points 80 times "
        "of 100."
    )
    assert 60 < hits < 75 and 10 < smallest < 13
    assert (could.clips, could.subjects, could.level) == (360, 20, FIRST.chance)


def test_where_nobody_is_known_it_is_told_of_the_clips():
    could = above_champion(Design.of([""] * 5), [""] * 5, FIRST, 0.0, seed=0, unit="images")
    assert could.told().startswith("On these 5 images a gain of 10 points is found 0 times of 100; they are too few")
    assert could.gain_found_80_of_100 is None
    alone = replace(could, subjects=1)
    assert alone.told().startswith("On this 1 subject a gain") and alone.told().endswith(
        "too little to find any gain 80 times of 100."
    )


def test_a_first_model_is_told_of_chance():
    could = above_chance(Design.of(PEOPLE), PEOPLE, 7, FIRST, seed=0)
    assert could.told().startswith("On these 20 subjects a mean recall above chance by 10 points is found ")


def test_the_decision_says_it_before_its_verdict_and_keeps_it():
    truth = np.arange(360) % 3
    scores = {
        share: np.where(
            np.eye(3)[np.where(np.random.default_rng(n).random(360) < share, truth, (truth + 1) % 3)] == 1, 0.8, 0.1
        )
        for n, share in enumerate((0.5, 0.6))
    }
    names = tuple(f"clip{n}" for n in range(360))
    champion, challenger = (
        ScoreVectors(names, ("angry", "happy", "sad"), each, truth, tuple(PEOPLE)) for each in scores.values()
    )
    decision = decide(challenger, champion, level=lambda: Level(0.001, 7, 0.05, 52), explain=True)
    assert decision.reasons[-2].startswith("On these 20 subjects a gain of 10 points is found ")
    assert "champion" in decision.reasons[-1]
    assert "It is challenger 7 of this champion." in decision.reasons[-3]
    assert decision.figures["power"]["level"] == 0.001
    plain = decide(challenger, champion, level=lambda: Level(0.001, 7, 0.05, 52))
    assert not {"power", "differences"} & set(plain.figures)
