"""How often a gain is found: the simulation agrees with the rule itself."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics import compare_paired
from affekt.statistics.power import Design, power, power_above_chance, smallest_found


def found_by_the_rule(sizes: tuple[int, ...], gain: float, chance: float, draws: int = 120) -> float:
    """The same with answers drawn clip by clip, and the comparison that decides."""
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(len(sizes)), sizes)
    names, truth = [f"s{n}" for n in group], np.zeros(len(group), int)
    hits = 0
    for _ in range(draws):
        own = np.clip(gain + 0.1 * rng.standard_normal(len(sizes)), -0.3, 0.3)[group]
        moved = rng.random(len(group)) < 0.3
        better = rng.random(len(group)) < (1 + own / 0.3) / 2
        same = rng.random(len(group)) < 0.5
        a, b = (np.where(moved, side, same)[:, None] for side in (~better, better))
        scores = [np.where(side, [0.9, 0.1], [0.1, 0.9]) for side in (a, b)]
        hits += compare_paired(truth, *scores, names, bootstrap=500, confidence=1 - 2 * chance).ci95[0] > 0
    return hits / draws


@pytest.mark.parametrize(
    ("sizes", "gain", "chance"),
    [((18,) * 20, 0.1, 0.025), ((18,) * 20, 0.15, 0.002), ((40,) * 6, 0.2, 0.01), ((1,) * 150, 0.15, 0.01)],
)
def test_it_agrees_with_the_rule_that_decides(sizes, gain, chance):
    said = power(Design(sizes), gain, chance=chance, draws=4000)
    assert 0.05 < said < 0.98
    assert said == pytest.approx(found_by_the_rule(sizes, gain, chance), abs=0.12)


def test_no_gain_is_found_as_rarely_as_asked_for():
    assert power(Design((18,) * 20), 0.0, chance=0.025, draws=20_000) <= 0.025


def test_more_people_find_smaller_gains_and_more_sureness_larger_ones():
    few, many = (
        smallest_found(lambda gain, people=people: power(Design((18,) * people), gain, chance=0.025))
        for people in (8, 40)
    )
    sure = smallest_found(lambda gain: power(Design((18,) * 40), gain, chance=0.0001))
    assert 0 < many < few < 1
    assert many < sure < 1


def test_what_too_few_clips_never_find_is_none():
    assert smallest_found(lambda gain: power(Design((1,) * 4), gain, chance=0.02)) is None


def test_a_margin_must_be_gained_on_top():
    assert power(Design((18,) * 20), 0.15, chance=0.02, margin=0.1) < power(Design((18,) * 20), 0.15, chance=0.02)


def test_how_differently_two_answered_is_read_off_their_answers():
    subjects = [f"s{n // 50}" for n in range(2000)]
    rng = np.random.default_rng(0)
    gains = np.repeat(rng.choice([-0.15, 0.15], 40), 50)
    moved, better = rng.random(2000) < 0.4, rng.random(2000) < (1 + gains / 0.4) / 2
    same = rng.random(2000) < 0.5
    design = Design.of(subjects, np.where(moved, ~better, same), np.where(moved, better, same))
    assert design.sizes == (50,) * 40
    assert design.disagreement == pytest.approx(0.4, abs=0.03)
    assert design.scatter == pytest.approx(0.15, abs=0.04)


def test_a_clip_of_nobody_is_a_subject_of_its_own():
    assert sorted(Design.of(["a", "", "a", ""]).sizes) == [1, 1, 2]


def test_chance_itself_is_rarely_found_above_chance():
    assert power_above_chance((18,) * 20, 7, 0.0, chance=0.02, draws=5000) < 0.05
    assert power_above_chance((18,) * 20, 7, 0.2, chance=0.02) > 0.95
