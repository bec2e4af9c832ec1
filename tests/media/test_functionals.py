"""Functionals and descriptors: openSMILE's own values from the decoded samples; a plain word for sound of no use."""

from __future__ import annotations

import shutil
import sys
import wave
from collections.abc import Callable
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import SettingsError
from affekt.media import opensmile_library
from affekt.media.decode import decode
from affekt.media.functionals import HOP, _at_rate, as_float, feature_set, voice_of
from affekt.media.opensmile_configuration import configuration_for
from affekt.settings import MediaSettings

RATE = 16000


def _vowel(seconds: float, seed: int = 0) -> np.ndarray:
    """Something like a voice: harmonics of a gliding pitch with noise, int16."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 1.3 * time)) / RATE
    tone = sum(np.sin(number * phase) / number for number in range(1, 12))
    noise = np.random.default_rng(seed).normal(0, 0.05, time.size)
    return np.asarray((tone * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) / 3 + noise) * 9000).astype(np.int16)


def _opensmile_on_file(path: Path, sound: np.ndarray, level: str = "Functionals") -> np.ndarray:
    import opensmile

    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    smile = opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=getattr(opensmile.FeatureLevel, level)
    )
    return np.asarray(smile.process_file(str(path)))


def test_they_equal_opensmile_on_a_file_of_the_same_samples(tmp_path: Path) -> None:
    sound = _vowel(2.5)

    voice = voice_of(sound, RATE)

    assert voice.functionals.dtype == np.float32
    assert np.array_equal(voice.functionals, _opensmile_on_file(tmp_path / "sound.wav", sound)[0])
    assert (voice.usable, voice.flags) == (True, ())


@pytest.mark.parametrize("name", ["01-01-03_01.mp4", "10-02-06_01.mp4"])
def test_they_equal_opensmile_on_real_clips(
    shared_data: Path, tmp_path: Path, settings: MediaSettings, name: str
) -> None:
    sound = decode(shared_data / "java_sed_av" / "clips" / name, settings).sound

    assert np.array_equal(voice_of(sound, RATE).functionals, _opensmile_on_file(tmp_path / "sound.wav", sound)[0])


def test_descriptors_equal_opensmile_on_a_file_of_the_same_samples(tmp_path: Path) -> None:
    sound = _vowel(2.5)

    descriptors = voice_of(sound, RATE).descriptors

    assert descriptors.dtype == np.float32
    assert np.array_equal(descriptors, _opensmile_on_file(tmp_path / "sound.wav", sound, "LowLevelDescriptors"))


def test_descriptors_are_where_the_sound_is() -> None:
    sound = np.concatenate([np.zeros(RATE, np.int16), _vowel(1.0), np.zeros(RATE, np.int16)])

    loudness = voice_of(sound, RATE).descriptors[:, feature_set("egemaps").frame_names.index("Loudness_sma3")]

    loud = np.flatnonzero(loudness > loudness.max() / 4) * HOP
    assert loud.min() == pytest.approx(1.0, abs=0.05)
    assert loud.max() == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("rate", [8000, 48000])
def test_sound_of_another_rate_is_kept_at_16_khz(rate: int) -> None:
    tone = np.rint(9000 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)).astype(np.int16)
    kept = _at_rate(tone, rate)
    expected = 9000 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    assert kept.dtype == np.int16 and len(kept) == RATE
    np.testing.assert_allclose(kept[500:-500], expected[500:-500], atol=90)


def test_the_sound_that_is_kept_is_the_one_that_the_functionals_are_of() -> None:
    sound = _vowel(1.5)
    found = voice_of(np.concatenate([np.zeros(RATE, np.int16), sound, np.zeros(RATE, np.int16)]), RATE, trim=True)
    assert 1.5 * RATE < len(found.sound) < 2 * RATE  # without most of the silence around it
    np.testing.assert_array_equal(voice_of(sound, RATE).sound, sound)


def test_full_scale_does_not_wrap_round(tmp_path: Path) -> None:
    sound = np.clip(9 * _vowel(1.5).astype(int), -32768, 32767).astype(np.int16)

    assert as_float(sound).max() == 32767 / 32768 and as_float(sound).min() == -1
    assert as_float(sound).dtype == np.float32
    assert np.array_equal(voice_of(sound, RATE).functionals, _opensmile_on_file(tmp_path / "sound.wav", sound)[0])


def test_they_have_names() -> None:
    names = feature_set("egemaps").names

    assert len(names) == len(set(names)) == 88
    assert names[0] == "F0semitoneFrom27.5Hz_sma3nz_amean"


@pytest.mark.parametrize(
    ("sound", "usable", "flags"),
    [
        (np.empty(0, np.int16), False, ("no_sound",)),
        (_vowel(0.05), False, ("short_sound",)),
        (_vowel(0.2), False, ("short_sound",)),
        (_vowel(0.3), True, ("short_sound",)),
        (_vowel(0.9), True, ("short_sound",)),
        (_vowel(1.1), True, ()),
        (np.zeros(RATE * 2, np.int16), False, ("silent",)),
        (np.zeros(RATE // 5, np.int16), False, ("short_sound",)),
        (np.zeros(RATE // 4, np.int16), False, ("silent",)),
        (np.random.default_rng(1).integers(-3, 4, RATE * 2).astype(np.int16), False, ("silent",)),
        (np.full(RATE, -32768, np.int16), False, ("no_voice",)),
    ],
)
def test_sound_of_no_use_is_said_to_be_so_and_nothing_is_ever_nan(
    sound: np.ndarray, usable: bool, flags: tuple[str, ...]
) -> None:
    voice = voice_of(sound, RATE)

    assert (voice.usable, voice.flags) == (usable, flags)
    assert voice.functionals.shape == (88,)
    assert voice.descriptors.shape[1] == 25
    assert bool(len(voice.descriptors)) == usable
    assert np.isfinite(voice.functionals).all()
    assert voice.usable or not voice.functionals.any()


def at_peak(low: int, high: int, samples: int = 2 * RATE) -> np.ndarray:
    """Sound whose smallest and largest samples are these."""
    sound = np.random.default_rng(2).integers(low, high + 1, samples).astype(np.int16)
    sound[:2] = low, high
    return sound


@pytest.mark.parametrize(
    ("low", "high", "silent"), [(-31, 31, True), (-32, 10, False), (-10, 32, False), (-32, 32, False), (-31, 0, True)]
)
def test_silence_is_below_60_decibels_on_either_side(low: int, high: int, silent: bool) -> None:
    assert voice_of(at_peak(low, high), RATE).flags == (("silent",) if silent else ("no_voice",))


@pytest.mark.parametrize(
    ("samples", "usable", "flags"),
    [
        (1, False, ("short_sound",)),
        (RATE // 4 - 1, False, ("short_sound",)),
        (RATE // 4, True, ("short_sound",)),
        (RATE - 1, True, ("short_sound",)),
        (RATE, True, ()),
    ],
)
def test_sound_is_of_use_from_a_quarter_of_a_second_and_short_below_one(
    samples: int, usable: bool, flags: tuple[str, ...]
) -> None:
    voice = voice_of(_vowel(2.0)[:samples], RATE)
    assert (voice.usable, voice.flags) == (usable, flags)


def test_a_stereo_copy_sounds_as_loud_as_the_mono_clip(make_clip: Callable[..., Path], settings: MediaSettings) -> None:
    mono = make_clip("mono.wav", "-f", "lavfi", "-i", "sine=440:r=44100:d=1.5")
    stereo = make_clip("stereo.wav", "-i", mono, "-af", "pan=stereo|c0=c0|c1=c0")

    first, second = decode(mono, settings).sound, decode(stereo, settings).sound

    assert np.abs(first.astype(int) - second).max() <= 1


@pytest.mark.usefixtures("looked_up_anew")
def test_an_installed_package_can_offer_another_feature_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loudness.py").write_text(
        "import numpy as np\n"
        "class Loudness:\n"
        "    names = ('rms',)\n"
        "    def __call__(self, sound, sample_rate):\n"
        "        return np.array([np.sqrt((sound ** 2).mean())], np.float32)\n"
    )
    metadata = tmp_path / "loudness-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: loudness\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[affekt.functionals]\nloudness = loudness:Loudness\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    voice = voice_of(np.full(RATE * 2, 16384, np.int16), RATE, "loudness")

    assert voice.functionals == pytest.approx([0.5])
    assert (voice.descriptors.shape, voice.descriptors.dtype) == ((0, 0), np.float32)


def test_an_unknown_feature_set_is_named_with_those_that_are_there() -> None:
    with pytest.raises(SettingsError, match=r"no feature set 'nothing'.*egemaps"):
        voice_of(_vowel(1.5), RATE, "nothing")


def test_an_environment_may_lie_in_a_folder_with_a_space_and_an_accent(tmp_path, monkeypatch):
    core = opensmile_library._library()[1].parent
    elsewhere = tmp_path / "Ünd so é" / "opensmile"
    shutil.copytree(core, elsewhere / "core")
    (elsewhere / "__init__.py").touch()
    configuration, sound = "egemaps/v02/eGeMAPSv02.conf", as_float(_vowel(0.5))
    expected = opensmile_library.Extractor(configuration)(sound, RATE)
    monkeypatch.setattr(
        opensmile_library, "find_spec", lambda name: PathFinder.find_spec(name, [str(elsewhere.parent)])
    )
    monkeypatch.setattr(opensmile_library, "_library", opensmile_library._library.__wrapped__)
    there = opensmile_library.Extractor(configuration)
    assert opensmile_library._library()[1] == elsewhere / "core" / "config"
    for ours, theirs in zip(there(sound, RATE), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_configuration_is_reduced_to_what_reaches_its_sinks(tmp_path: Path) -> None:
    whole = tmp_path / "whole.conf"
    whole.write_text(
        "// three components in a row, and one beside them\n"
        "[componentInstances:cComponentManager]\n"
        "instance[source].type=cWaveSource\ninstance[used].type=cEnergy\ninstance[unused].type=cMZcr\n"
        "[source:cWaveSource]\nwriter.dmLevel=wave\n/* of the\n[sound:cWaveSource] */\n"
        "[used:cEnergy]\nreader.dmLevel = wave\nwriter.dmLevel=energy\nrms=1\n"
        "[unused:cMZcr]\nreader.dmLevel=wave\nwriter.dmLevel=crossings\n"
        r"\{\cm[sink{?}:of values]}"
    )
    sink = tmp_path / "sink.inc"
    sink.write_text(
        "[componentInstances:cComponentManager]\ninstance[sink].type=cCsvSink\n[sink:cCsvSink]\nreader.dmLevel=energy\n"
    )

    text = configuration_for(["sink"], whole, {"sink": str(sink)})

    assert "rms=1" in text and "[source:cWaveSource]" in text
    assert "unused" not in text
    sink.write_text(sink.read_text().replace("energy", "loudness"))
    with pytest.raises(ValueError, match="nothing writes the level 'loudness'"):
        configuration_for(["sink"], whole, {"sink": str(sink)})
