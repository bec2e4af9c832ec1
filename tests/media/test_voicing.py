"""What counts as a voice: speech of any kind does; noise, tones and music do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media import prepare
from affekt.media.decode import decode
from affekt.media.functionals import Voice, voice_of
from affekt.media.prepare import prepare_file
from affekt.settings import MediaSettings
from tests.media.conftest import voiced

MakeClip = Callable[..., Path]
CHORD = "+".join(f"0.15*sin(2*PI*{pitch}*t)" for pitch in (261.6, 329.6, 392.0))
MELODY = "0.4*sin(2*PI*220*pow(2,floor(mod(t*3,5))*2/12)*t)*exp(-2*mod(t,1/3))"
ORGAN = "0.1*(" + "+".join(f"sin(2*PI*{130 * number}*t)/{number}" for number in (1, 2, 3, 4, 6, 8)) + ")"

SOUNDS = {
    **{f"{colour} noise": f"anoisesrc=c={colour}:r=16000:a=0.4:d=3:seed=1"
       for colour in ("white", "pink", "brown", "blue", "violet")},
    "pulsed noise": "anoisesrc=c=pink:r=16000:a=0.4:d=3:seed=1,tremolo=f=4:d=0.9",
    "hum": f"aevalsrc='{'+'.join(f'0.3/{n}*sin(2*PI*{50 * n}*t)' for n in range(1, 9))}':s=16000:d=3",
    "low tone": "sine=120:r=16000:d=3",
    "tone": "sine=440:r=44100:d=3",
    "beeps": "sine=300:b=4:r=16000:d=3",
    "pulsed tone": "sine=220:r=16000:d=3,tremolo=f=5:d=0.8",
    "vibrato": "sine=220:r=16000:d=3,vibrato=f=6:d=0.5",
    "chord": f"aevalsrc='{CHORD}':s=16000:d=3",
    "melody": f"aevalsrc='{MELODY}':s=16000:d=3",
    "organ": f"aevalsrc='{ORGAN}':s=16000:d=3",
    "square wave": "aevalsrc='0.3*sgn(sin(2*PI*200*t))':s=16000:d=3",
    "sweep": "aevalsrc='0.4*sin(2*PI*(100*t+150*t*t))':s=16000:d=3",
}  # fmt: skip


def sound_of(make_clip: MakeClip, settings: MediaSettings, name: str, *source: str) -> np.ndarray:
    return decode(make_clip(f"{name.replace(' ', '_')}.wav", *source), settings).sound


@pytest.mark.parametrize("level", [True, False])
@pytest.mark.parametrize("name", SOUNDS)
def test_noise_tones_and_music_are_no_voice(
    make_clip: MakeClip, settings: MediaSettings, name: str, level: bool
) -> None:
    sound = sound_of(make_clip, settings, name, "-f", "lavfi", "-i", SOUNDS[name])

    voice = voice_of(sound, settings.sample_rate, level=level, trim=level)

    assert (voice.usable, voice.flags) == (False, ("no_voice",))
    assert not voice.functionals.any() and not len(voice.descriptors)


@pytest.mark.parametrize("gain", ["0dB", "-20dB", "-40dB"])
def test_a_voice_is_one_at_any_level(make_clip: MakeClip, settings: MediaSettings, gain: str) -> None:
    sound = sound_of(make_clip, settings, f"voice {gain}", *voiced(2.0), "-af", f"volume={gain}")

    assert voice_of(sound, settings.sample_rate, level=True, trim=True).usable


@pytest.mark.parametrize(("folder", "step"), [("java_sed_av", 17), ("ravdess_audio", 73)])
def test_real_speech_is_a_voice(shared_data: Path, settings: MediaSettings, folder: str, step: int) -> None:
    clips = sorted((shared_data / folder / "clips").iterdir())[::step]

    found = {clip.name: prepare_file(clip, settings).voice for clip in clips}

    assert len(found) >= 10
    assert all(found.values()), found


@pytest.mark.parametrize("second", ["voice", "silence"])
def test_a_silent_default_sound_leaves_it_to_one_with_a_voice(
    make_clip: MakeClip, settings: MediaSettings, second: str
) -> None:
    sounds = {"silence": ["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2"], "voice": voiced(2.0)}
    picture = ["-f", "lavfi", "-i", "color=gray:s=64x64:r=5:d=2"]
    first = "silence" if second == "voice" else "voice"
    maps = ["-map", "0", "-map", "1", "-map", "2", "-disposition:a:0", "default", "-disposition:a:1", "0"]
    clip = make_clip(f"then_{second}.mkv", *picture, *sounds[first], *sounds[second], *maps, "-c:a", "flac")

    prepared = prepare_file(clip, settings)

    assert prepared.voice
    assert ("other_sound" in prepared.flags) == (second == "voice")
    assert ("several_sounds" in prepared.flags) == (second == "silence")


@pytest.mark.parametrize("louder", ["sine=f=50:r=16000:d=2,volume=18dB", "anoisesrc=r=16000:d=2:a=0.9"])
def test_a_voice_in_one_channel_beside_a_much_louder_noise_is_heard(
    make_clip: MakeClip, settings: MediaSettings, louder: str
) -> None:
    together = ["-filter_complex", "[1:a]volume=-20dB[v];[0:a][v]amerge[a]", "-map", "[a]", "-c:a", "flac"]
    name = f"beside_{louder.partition('=')[0]}.mka"
    clip = make_clip(name, "-f", "lavfi", "-i", louder, *voiced(2.0), *together)
    alone = make_clip("alone_soft.wav", *voiced(2.0), "-af", "volume=-20dB")

    prepared = prepare_file(clip, settings)

    assert prepared.voice
    assert prepared.flags[-1] == "one_channel"
    expected = prepare_file(alone, settings).functionals
    assert np.median(np.abs(prepared.functionals - expected) / (np.abs(expected) + 1e-3)) < 0.05


@pytest.mark.parametrize("noise", ["anoisesrc=r=16000:d=2:a=0.1", "sine=f=50:r=16000:d=2"])
def test_a_voice_beside_a_noise_that_does_not_cover_it_is_heard_alone(
    make_clip: MakeClip, settings: MediaSettings, noise: str
) -> None:
    together = ["-filter_complex", "[0:a][1:a]amerge[a]", "-map", "[a]", "-c:a", "flac"]
    name = noise.partition("=")[0]
    clip = make_clip(f"not_covered_{name}.mka", "-f", "lavfi", "-i", noise, *voiced(2.0), *together)
    alone = make_clip("alone_in_one.wav", *voiced(2.0))

    prepared = prepare_file(clip, settings)

    assert prepared.flags[-1] == "one_channel"
    expected = prepare_file(alone, settings).functionals
    assert np.median(np.abs(prepared.functionals - expected) / (np.abs(expected) + 1e-3)) < 0.05


def test_two_voices_in_two_channels_are_both_heard(make_clip: MakeClip, settings: MediaSettings) -> None:
    together = ["-filter_complex", "[0:a][1:a]amerge[a]", "-map", "[a]"]
    clip = make_clip("two_voices.wav", *voiced(2.0), *voiced(2.0, 210), *together)

    prepared = prepare_file(clip, settings)

    assert prepared.voice and "one_channel" not in prepared.flags


#: What stands in the second channel beside a voice: another one in turn, or the same from further away.
TURNS = "[0:a]apad=pad_dur=2.5[l];[1:a]adelay=2500[r];[l][r]amerge[a]"
ECHO = "[0:a]asplit[l][x];[x]aecho=0.8:0.7:13|29:0.6|0.5,adelay=1[r];[l][r]amerge[a]"


@pytest.mark.parametrize(("graph", "told"), [(TURNS, True), (ECHO, False)])
def test_channels_of_people_who_talk_to_each_other_are_told(
    make_clip: MakeClip, settings: MediaSettings, graph: str, told: bool
) -> None:
    clip = make_clip(
        f"talk_{told}.wav", *voiced(2.0), *voiced(2.0), "-filter_complex", graph, "-map", "[a]", "-ar", "16000"
    )

    prepared = prepare_file(clip, settings)

    assert prepared.voice
    assert ("several_voices" in prepared.flags) == told


def test_channels_with_one_noise_are_not_listened_to_one_by_one(
    make_clip: MakeClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []

    def listen(sound: np.ndarray, *arguments: Any, **named: Any) -> Voice:
        heard.append(len(sound))
        return voice_of(sound, *arguments, **named)

    monkeypatch.setattr(prepare, "voice_of", listen)
    clip = make_clip("noise_twice.wav", "-f", "lavfi", "-i", "anoisesrc=r=16000:d=1", "-ac", "2")

    with pytest.raises(MediaError, match="no voice"):
        prepare.prepare_file(clip, settings)

    assert heard == [16000]
