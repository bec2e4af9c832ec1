"""Sound at one level and without silent ends: what is heard alone decides."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.media.functionals import feature_set, voice_of
from affekt.media.loudness import LEVEL, at_level, heard_moments, heard_part, without_knocks
from tests.media.test_functionals import RATE, _vowel

SILENCE = np.zeros(4 * RATE, np.int16)


def level_of(sound: np.ndarray) -> float:
    power, heard = heard_moments(sound, RATE)
    return float(10 * np.log10(power[heard].mean() / 32768**2))


@pytest.mark.parametrize("gain", [0.02, 0.1, 1.0, 2.0])
def test_sound_comes_to_one_level(gain: float) -> None:
    quiet = np.rint(_vowel(2.0) * gain).astype(np.int16)

    assert level_of(at_level(quiet, RATE)) == pytest.approx(LEVEL, abs=0.1)


def test_a_single_peak_is_not_clipped() -> None:
    sound = np.rint(_vowel(2.0) * 0.05).astype(np.int16)
    sound[RATE] = -32768

    levelled = at_level(sound, RATE)

    assert levelled[RATE] == pytest.approx(-32767, abs=1)
    assert abs(int(levelled[RATE - 1]) - int(sound[RATE - 1])) <= 1


def test_silence_stays_silence() -> None:
    assert not at_level(SILENCE, RATE).any()
    assert heard_part(SILENCE, RATE) == slice(0, len(SILENCE))


@pytest.mark.parametrize(("before", "behind"), [(0, 4), (1, 0), (2, 3)])
def test_what_is_heard_is_found_in_silence(before: int, behind: int) -> None:
    voice = _vowel(2.0)
    sound = np.concatenate([SILENCE[: before * RATE], voice, SILENCE[: behind * RATE]])

    part = heard_part(sound, RATE)

    assert part.start == pytest.approx(max(0, before - 0.1) * RATE, abs=0.03 * RATE)
    assert part.stop == pytest.approx(min(len(sound), (before + 2.1) * RATE), abs=0.03 * RATE)


@pytest.mark.parametrize(("level", "trim"), [(True, True), (False, True), (True, False)])
def test_functionals_follow_neither_level_nor_silence_where_these_are_evened_out(level: bool, trim: bool) -> None:
    voice = _vowel(2.0)
    plain = voice_of(voice, RATE, level=level, trim=trim).functionals
    surrounded = voice_of(np.concatenate([voice, SILENCE]), RATE, level=level, trim=trim).functionals
    quiet = voice_of(np.rint(voice / 10).astype(np.int16), RATE, level=level, trim=trim).functionals

    def change(other: np.ndarray, name: str) -> float:
        place = feature_set("egemaps").names.index(name)
        return float(abs(other[place] / plain[place] - 1))

    assert (change(surrounded, "VoicedSegmentsPerSec") < 0.06) == trim
    assert (change(quiet, "loudness_sma3_amean") < 0.02) == level


def test_descriptors_stay_where_the_sound_is() -> None:
    whole = np.concatenate([SILENCE[:RATE], _vowel(2.0), SILENCE[:RATE]])

    trimmed = voice_of(whole, RATE, trim=True).descriptors
    plain = voice_of(whole, RATE).descriptors

    assert abs(len(trimmed) - len(plain)) <= 6
    middle = slice(130, 270)
    assert np.abs(trimmed[middle] - plain[middle]).max() < 1e-3 * np.abs(plain[middle]).max()
    for outside in (trimmed[:80], trimmed[-80:]):  # as at the end that is next
        np.testing.assert_array_equal(outside, outside[:1].repeat(80, axis=0))
        assert outside.any()


def with_knock(sound: np.ndarray, seconds: float, length: float = 0.03) -> np.ndarray:
    """Sound with a knock at full scale that dies away, as at a microphone."""
    size = round(length * RATE)
    knock = np.random.default_rng(0).uniform(-1, 1, size) * np.exp(-3 * np.arange(size) / size) * 32000
    start = round(seconds * RATE)
    struck = sound.astype(float)
    struck[start : start + size] += knock
    return np.clip(np.rint(struck), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("seconds", [0.4, 2.0, 4.3])
def test_a_knock_moves_neither_the_level_of_a_quiet_voice_nor_where_it_is_heard(seconds: float) -> None:
    """Behind a knock a quiet voice had been too quiet to be heard."""
    quiet = np.concatenate([SILENCE[:RATE], np.rint(_vowel(2.0) * 0.02).astype(np.int16), SILENCE[: 2 * RATE]])

    plain = voice_of(quiet, RATE, level=True, trim=True)
    struck = voice_of(with_knock(quiet, seconds), RATE, level=True, trim=True)

    assert (struck.usable, struck.flags) == (plain.usable, plain.flags) == (True, ())
    assert len(struck.sound) == pytest.approx(len(plain.sound), abs=0.03 * RATE)
    loudness = feature_set("egemaps").names.index("loudness_sma3_amean")
    assert struck.functionals[loudness] == pytest.approx(plain.functionals[loudness], rel=0.03)


def test_what_lasts_is_no_knock_and_sound_without_one_stays_as_it_is() -> None:
    quiet = np.rint(_vowel(2.0) * 0.02).astype(np.int16)
    for sound in (_vowel(2.0), quiet, with_knock(quiet, 1.0, length=0.4), SILENCE, quiet[:100], quiet[:0]):
        assert without_knocks(sound, RATE) is sound


def test_a_knock_in_silence_is_no_sound_of_a_clip() -> None:
    assert voice_of(with_knock(SILENCE + 3, 1.0), RATE, level=True, trim=True).flags == ("silent",)
