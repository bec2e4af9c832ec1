"""How descriptors run through a clip: what of it is told, and what does not move it."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.media.contours import DESCRIPTORS, LOUDNESS, PITCH, contour_names, contours_of
from affekt.media.functionals import feature_set

NAMES = contour_names(feature_set("egemaps").frame_names)


def _clip(frames: int = 300) -> np.ndarray:
    """A voice that falls from 30 to 24 semitones over a clip, voiced for 0.2 s of each 0.3 s."""
    rows = np.random.default_rng(0).normal(size=(frames, DESCRIPTORS))
    rows[:, LOUDNESS] = 1.0 + 0.2 * np.sin(np.arange(frames) / 5)
    rows[:, PITCH] = np.where(np.arange(frames) % 30 < 20, np.linspace(30, 24, frames), 0.0)
    return rows


def _told(rows: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, contours_of(rows), strict=True))


def test_each_number_has_a_name_of_its_own():
    assert len(NAMES) == len(set(NAMES)) == len(contours_of(_clip())) == 360


def test_pitch_is_told_of_voiced_frames_alone():
    told, pitch = _told(_clip()), "F0semitoneFrom27.5Hz_sma3nz"
    assert 24 < told[f"{pitch}.percentile5"] < told[f"{pitch}.mean"] < told[f"{pitch}.percentile95"] < 30
    assert told[f"{pitch}.slope"] == pytest.approx(-3, abs=0.1)  # from one end of the clip to its middle
    assert told[f"{pitch}.stepMean"] == pytest.approx(6 / 299)


def test_speech_and_pauses_are_told():
    told = _told(_clip())
    assert told["speech.seconds"] == pytest.approx(3.0)
    assert told["speech.voicedShare"] == pytest.approx(2 / 3)
    assert told["speech.voicedPerSecond"] == pytest.approx(10 / 3)
    assert told["speech.voicedMean"] == pytest.approx(0.2)
    assert told["speech.gapMean"] == pytest.approx(0.1)


def test_silence_around_what_is_said_changes_nothing():
    rows = _clip()
    silent = np.zeros((100, DESCRIPTORS))
    np.testing.assert_allclose(contours_of(np.concatenate([silent, rows, silent])), contours_of(rows), rtol=1e-9)


@pytest.mark.parametrize("rows", [_clip(1), _clip(4), np.zeros((50, DESCRIPTORS)), np.ones((50, DESCRIPTORS))])
def test_little_or_nothing_said_has_numbers_too(rows):
    assert np.isfinite(contours_of(rows)).all()
