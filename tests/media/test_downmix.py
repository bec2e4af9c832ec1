"""Sound of several channels: a voice is heard as loud as in the channels that carry it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.media.decode import decode
from affekt.media.downmix import downmix, mix, same_sound
from affekt.settings import MediaSettings

RATE = 16000
RANDOM = np.random.default_rng(0)
VOICE = np.rint(6000 * np.sin(2 * np.pi * 180 * np.arange(2 * RATE) / RATE)).astype(np.int16)
OTHER = np.rint(2000 * RANDOM.standard_normal(2 * RATE)).astype(np.int16)
NOTHING = np.zeros_like(VOICE)


def power(sound: np.ndarray) -> float:
    return float(np.square(sound.astype(float)).mean())


def test_one_channel_is_itself() -> None:
    assert np.array_equal(downmix(VOICE[:, None]), VOICE)


@pytest.mark.parametrize(
    "channels",
    [
        (VOICE, VOICE),
        (VOICE, NOTHING),
        (NOTHING, VOICE),
        (VOICE, -VOICE),
        (VOICE, -VOICE // 2),
        (VOICE, np.concatenate([VOICE[:RATE], -VOICE[RATE:]])),
        (VOICE, VOICE, VOICE),
        (NOTHING, VOICE, NOTHING, NOTHING),
        (VOICE, -VOICE, VOICE, -VOICE),
        (VOICE, -VOICE, NOTHING, -VOICE // 2, VOICE // 2),
    ],
    ids=[
        "both",
        "left",
        "right",
        "opposite",
        "opposite and half",
        "half of it opposite",
        "three",
        "one of four",
        "two pairs of opposites",
        "two such of unlike loudness",
    ],
)
def test_a_voice_is_as_loud_as_in_its_channels(channels: tuple[np.ndarray, ...]) -> None:
    assert np.abs(downmix(np.stack(channels, axis=1)).astype(int) - VOICE).max() <= 1


def test_unrelated_channels_are_both_heard() -> None:
    mixed = downmix(np.stack([VOICE, OTHER], axis=1)).astype(float)

    for channel in (VOICE, OTHER):
        assert np.corrcoef(mixed, channel)[0, 1] > 0.3


def test_whether_channels_hold_sounds_without_anything_in_common_is_told() -> None:
    for apart in ((VOICE, OTHER), (VOICE, OTHER, NOTHING)):
        assert mix(np.stack(apart, axis=1)).apart
    for together in ((VOICE, VOICE + OTHER), (VOICE, -VOICE), (VOICE, NOTHING), (VOICE, OTHER // 90), (VOICE,)):
        assert not mix(np.stack(together, axis=1)).apart


@pytest.mark.parametrize("layout", ["3.0", "5.0", "5.1", "5.1(side)", "7.1"])
def test_the_centre_of_a_film_counts_alone(layout: str) -> None:
    count = sum(map(int, layout.partition("(")[0].split(".")))
    channels = np.stack([OTHER // 2] * count, axis=1)
    channels[:, 2] = VOICE

    assert np.array_equal(downmix(channels, layout), VOICE)


def test_a_centre_in_which_nothing_is_heard_leaves_it_to_the_others() -> None:
    channels = np.stack([VOICE, VOICE, VOICE // 50, OTHER, NOTHING, NOTHING], axis=1)

    assert np.abs(downmix(channels, "5.1").astype(int) - VOICE).max() <= 2


def test_the_channel_of_low_frequencies_is_not_heard() -> None:
    channels = np.stack([VOICE, VOICE, OTHER * 3], axis=1)

    assert np.abs(downmix(channels, "2.1").astype(int) - VOICE).max() <= 1


def test_the_channel_of_low_frequencies_counts_where_nothing_else_is_more_than_silent() -> None:
    channels = np.stack([OTHER // 100, OTHER // 100, NOTHING, VOICE, NOTHING, NOTHING], axis=1)

    assert np.array_equal(downmix(channels, "5.1"), VOICE)


@pytest.mark.filterwarnings("error")
def test_no_sample_is_none_and_nothing_is_said_of_it() -> None:
    assert downmix(np.zeros((0, 2), np.int16), "stereo").shape == (0,)


def test_silence_is_silence() -> None:
    assert not downmix(np.stack([NOTHING] * 6, axis=1), "5.1").any()


@pytest.mark.parametrize(
    "pan",
    [
        "stereo|c0=c0|c1=-1*c0",
        "stereo|c0=0*c0|c1=c0",
        "5.1|FC=c0",
        "5.1(side)|FC=c0|FL=0.01*c0",
        "7.1|FC=c0",
        "5.1|FL=c0|FR=c0",
        "quad|FL=c0",
        "mono|c0=c0",
    ],
)
def test_a_file_of_any_layout_sounds_like_its_mono_copy(
    make_clip: Callable[..., Path], settings: MediaSettings, pan: str
) -> None:
    tone = ["-f", "lavfi", "-i", "sine=300:r=16000:d=1"]
    plain = decode(make_clip("plain_tone.wav", *tone), settings).sound
    name = "".join(filter(str.isalnum, pan))

    sound = decode(make_clip(f"{name}.mkv", *tone, "-af", f"pan={pan}", "-c:a", "flac"), settings).sound

    assert len(sound) == len(plain)
    assert np.abs(sound.astype(int) - plain).max() <= 2


@pytest.mark.parametrize("offset", [3000, -12000])
@pytest.mark.parametrize(
    "channels",
    [(VOICE,), (VOICE, VOICE), (VOICE, -VOICE // 2), (NOTHING, VOICE)],
    ids=["one", "both", "opposite", "right"],
)
def test_a_constant_that_a_sound_card_adds_is_not_heard(channels: tuple[np.ndarray, ...], offset: int) -> None:
    added = np.stack(channels, axis=1) + np.int16(offset)

    assert np.abs(downmix(added).astype(int) - VOICE).max() <= 1
    assert not downmix(np.full((RATE, 1), offset, np.int16)).any()


@pytest.mark.parametrize(
    "drift",
    [
        np.linspace(-9000, 9000, 2 * RATE),
        12000 * np.exp(-np.arange(2 * RATE) / RATE / 0.5),
        8000 * np.sin(2 * np.pi * 0.5 * np.arange(2 * RATE) / RATE),
    ],
    ids=["drifts", "settles", "swings"],
)
@pytest.mark.parametrize("sides", [(1, 1), (1, -1), (0, 1)], ids=["both", "opposite", "right"])
def test_a_zero_that_wanders_is_not_heard(sides: tuple[int, int], drift: np.ndarray) -> None:
    voice = VOICE // 4
    off = np.stack([side * voice + drift for side in sides], axis=1).astype(np.int16)
    middle = slice(RATE // 10, -RATE // 10)

    heard = downmix(off).astype(int)

    # Of opposite channels either may be the louder one.
    assert min(np.abs(heard - side * voice)[middle].max() for side in (1, -1)) <= 100
    assert np.abs(heard).max() < 2 * np.abs(voice).max()


def test_sound_that_begins_and_ends_stays_as_it_is() -> None:
    sound = np.concatenate([NOTHING, VOICE, NOTHING])

    assert np.array_equal(downmix(sound[:, None]), sound)


def test_what_is_a_little_off_zero_as_recordings_are_stays_as_it_is() -> None:
    assert np.array_equal(downmix((VOICE + 40)[:, None]), VOICE + 40)


def test_one_sound_is_told_from_another() -> None:
    for same in (VOICE, VOICE // 9, -VOICE, VOICE[:RATE], VOICE + OTHER // 4):
        assert same_sound(VOICE, same)
    for another in (OTHER, OTHER + VOICE // 9, NOTHING, VOICE[:0]):
        assert not same_sound(VOICE, another)
