"""Windows of a long video hold what any clip of it would: the picture that moves, and the sound with a voice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affekt.media.decode import Decoded, decode
from affekt.media.prepare import prepare_file
from affekt.media.probe import probe
from affekt.media.windows import Window, windows_of
from affekt.settings import MediaSettings
from tests.media.conftest import voiced

MakeClip = Callable[..., Path]
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=3")
TONE = ("-f", "lavfi", "-i", "sine=440:r=44100:d=3")
FAST = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")


def parts(clip: Path, settings: MediaSettings) -> list[Decoded]:
    return [decode(window.file, settings) for window in windows_of(clip, 1.0, settings)]


def test_sound_before_the_first_picture_is_in_the_first_window(make_clip: MakeClip, settings: MediaSettings) -> None:
    source = make_clip("three.mkv", *PICTURE, *TONE, *FAST)
    early = ["-i", source, "-itsoffset", "0.4", "-i", source, "-map", "1:v", "-map", "0:a", "-c", "copy"]

    first, *_ = parts(make_clip("early.mkv", *early), settings)

    assert first.times[0] == pytest.approx(0.4, abs=0.05)
    assert len(first.sound) / 16000 == pytest.approx(1, abs=0.05)
    assert np.abs(first.sound[:1600].astype(int)).max() > 500


@pytest.mark.parametrize("container", ["ts", "mkv", "mpg"])
def test_each_window_has_its_pictures_however_rarely_one_is_whole(
    make_clip: MakeClip, settings: MediaSettings, container: str
) -> None:
    coding = ["-c:v", "mpeg2video", "-c:a", "mp2"] if container == "mpg" else FAST
    clip = make_clip(f"one_whole.{container}", *PICTURE, *TONE, *coding, "-g", "250")

    found = parts(clip, settings)

    assert [len(part.frames) for part in found] == pytest.approx([25, 25, 25], abs=1)
    assert all(part.times[0] < 0.05 and len(part.sound) > 15000 for part in found)


def test_a_silent_default_sound_leaves_each_window_to_the_one_with_a_voice(
    make_clip: MakeClip, settings: MediaSettings
) -> None:
    silence = ["-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=2"]
    maps = ["-map", "0", "-map", "1", "-map", "2", "-disposition:a:0", "default", "-disposition:a:1", "0"]
    clip = make_clip("silent_default.mkv", *PICTURE, *silence, *voiced(2.0), *maps, "-t", "2", "-c:a", "flac")

    found = [prepare_file(window.file, settings) for window in windows_of(clip, 1.0, settings)]

    assert [("other_sound" in part.flags, part.voice) for part in found] == [(True, True)] * 2


def test_a_still_default_picture_leaves_each_window_to_the_one_that_moves(
    make_clip: MakeClip, settings: MediaSettings
) -> None:
    still = ["-f", "lavfi", "-i", "color=red:s=320x240:r=25:d=0.04"]
    clip = make_clip("still_first.mkv", *still, *PICTURE, *TONE, "-map", "0", "-map", "1", "-map", "2", *FAST)

    assert [(len(part.frames), part.frames.width) for part in parts(clip, settings)] == [(25, 96)] * 3


def test_boxes_are_told_in_pixels_of_the_picture_that_was_seen() -> None:
    window = Window(0, 1, Path("x"), sizes=((600, 600), (1920, 1080)))
    assert (window.scale(1280, 720), window.scale(600, 600)) == (1.5, 1.0)
    assert replace(window, sizes=()).scale(10, 10) == window.scale(0, 0) == 1.0


def test_another_sound_that_nothing_can_decode_hinders_no_window(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    both = make_clip("both.mp4", *PICTURE, *TONE, *TONE, "-map", "0", "-map", "1", "-map", "2", *FAST).read_bytes()
    place = both.rindex(b"mp4a")  # the name of the second sound's codec
    clip = tmp_path / "unknown.mp4"
    clip.write_bytes(both[:place] + b"zzzz" + both[place + 4 :])

    assert [len(part.sound) > 15000 for part in parts(clip, settings)] == [True] * 3


@pytest.mark.parametrize("layout", ["3.0", "quad", "7.0", "5.1(side)", "16 channels"])
def test_channels_keep_their_places(make_clip: MakeClip, settings: MediaSettings, layout: str) -> None:
    name = "".join(filter(str.isalnum, layout))
    pan = f"pan={layout.replace('16 channels', '16c')}|c2=c0|c0=0.4*c1"
    noise = ["-f", "lavfi", "-i", "anoisesrc=r=16000:d=1:a=0.3", "-filter_complex", f"[0:a][1:a]amerge,{pan}[a]"]
    clip = make_clip(
        f"places{name}.mka", *voiced(1.0), *noise, "-map", "[a]", "-c:a", "pcm_s16le" if "16" in layout else "flac"
    )

    (part,) = parts(clip, settings)

    assert np.array_equal(part.sound, decode(clip, settings).sound)


@pytest.mark.parametrize("limit", ["max_pixels", "max_bytes"])
def test_the_only_window_is_the_video_itself_unless_that_is_too_large(
    make_clip: MakeClip, settings: MediaSettings, limit: str
) -> None:
    clip = make_clip("three.mkv", *PICTURE, *TONE, *FAST)

    assert [window.file == clip for window in windows_of(clip, 3.0, settings)] == [True]
    assert [window.file == clip for window in windows_of(clip, 3.0, replace(settings, **{limit: 1000}))] == [False]
    assert clip.exists()


@pytest.mark.parametrize("name", ["guessed.aac", "guessed.mp3"])
def test_windows_of_a_length_that_is_guessed_from_the_size_are_those_that_there_are(
    make_clip: MakeClip, settings: MediaSettings, name: str
) -> None:
    """Behind silence, which takes few bits, there were hundreds of windows with nothing in them."""
    sounds = ("-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono:d=4", "-f", "lavfi", "-i", "anoisesrc=r=44100:d=5:a=0.3")
    joined = ("-filter_complex", "[0:a][1:a]concat=n=2:v=0:a=1")
    codec = ("-c:a", "aac", "-b:a", "256k") if name.endswith("aac") else ("-c:a", "libmp3lame", "-q:a", "2")
    clip = make_clip(name, *sounds, *joined, *codec, *(("-write_xing", "0") if name.endswith("mp3") else ()))

    windows = [(w.start, w.end, decode(w.file, settings).sound) for w in windows_of(clip, 3.0, settings)]

    assert [(start, round(end)) for start, end, _ in windows] == [(0, 3), (3, 6), (6, 9)]
    assert [len(sound) / 16000 for *_, sound in windows] == pytest.approx([3, 3, 3], abs=0.1)
    assert [sound[:8000].any() for *_, sound in windows] == [False, False, True]
    assert windows[1][2][24000:].any()


@pytest.mark.parametrize(
    ("name", "codecs"),
    [
        (
            "recorded.webm",
            ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus", "-live", "1"),
        ),
        ("piped.mkv", (*FAST, "-live", "1")),
        ("piped.flac", ("-vn", "-c:a", "flac")),
    ],
)
def test_windows_of_what_does_not_tell_its_length(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path, name: str, codecs: tuple[str, ...]
) -> None:
    """What a browser records had been refused."""
    clip = make_clip(name, *PICTURE, *TONE, *codecs)
    if name.endswith("flac"):  # as into a pipe: the number of samples is not known
        clip = tmp_path / name
        whole = bytearray(make_clip(name).read_bytes())
        whole[21], whole[22:26] = whole[21] & 0xF0, bytes(4)
        clip.write_bytes(whole)
    assert probe(clip).duration is None

    windows = [(window.end, decode(window.file, settings)) for window in windows_of(clip, 1.0, settings)]

    assert [round(end, 1) for end, _ in windows] == [1, 2, 3]
    assert [len(part.sound) / 16000 for _, part in windows] == pytest.approx([1, 1, 1], abs=0.06)
    assert all(len(part.times) == pytest.approx(25, abs=1) for _, part in windows) or name.endswith("flac")


def test_windows_of_two_recordings_in_ogg_that_were_joined_are_those_of_both(
    make_clip: MakeClip, settings: MediaSettings, tmp_path: Path
) -> None:
    """The second had no windows."""
    part = make_clip("to_join.ogg", *TONE, "-c:a", "libvorbis").read_bytes()
    clip = tmp_path / "joined.ogg"
    clip.write_bytes(part + part)
    assert [round(window.end, 1) for window in windows_of(clip, 2.0, settings)] == [2, 4, 6]
