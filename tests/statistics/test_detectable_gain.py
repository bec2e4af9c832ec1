"""What gain the clips of an evaluation could show, in numbers and in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.statistics.detectable_gain import detectable_gain

PEOPLE = [f"s{n}" for n in range(7) for _ in range(24)]


def test_without_a_second_model_what_it_rests_on_is_said_to_be_unmeasured():
    found = detectable_gain(PEOPLE, np.ones(168, bool), None, confidence=0.95, seed=0, measured_on="svc")
    assert (found.measured_on, found.disagreement, found.subjects, found.clips) == ("", 0.3, 7, 168)
    assert found.found == pytest.approx(0.33, abs=0.05)
    assert found.told() == (
        f"A comparison of two models on 7 people finds a gain of 10 points in {100 * found.found:.0f} of 100 cases, "
        f"and one of {100 * found.gain_found_80_of_100:.3g} points in 80 of 100."
    )


def test_models_that_hardly_differ_are_told_apart_more_often():
    right = np.arange(168) % 2 == 0
    other = right.copy()
    other[::56] = ~other[::56]
    alike = detectable_gain(PEOPLE, right, other, confidence=0.95, seed=0, measured_on="svc")
    assert alike.measured_on == "svc"
    assert alike.disagreement == pytest.approx(4 / 170)
    assert alike.found > detectable_gain(PEOPLE, right, None, confidence=0.95, seed=0).found


def test_two_clips_find_nothing():
    found = detectable_gain(["a", "b"], np.array([True, False]), None, confidence=0.95, seed=0)
    assert found.gain_found_80_of_100 is None
    assert found.told().endswith("and no gain in 80 of 100.")
