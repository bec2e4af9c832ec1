"""Clips with more than 30 frames a second: evenly spaced frames are looked at, at their own times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.media.decode import decode
from affekt.media.frame_rate import shown_until, step_for
from affekt.media.windows import windows_of
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]
COUNTED = "nullsrc=s=64x64:r={rate}:d={seconds},geq=lum='16+mod(N\\,200)':cb=128:cr=128"


def counted(make_clip: MakeClip, name: str, rate: str, seconds: float, *more: str) -> Path:
    """A clip whose frame number is its brightness."""
    source = COUNTED.format(rate=rate, seconds=seconds)
    return make_clip(name, "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p", *more)


def numbers(clip: Path, settings: MediaSettings) -> list[int]:
    frames = decode(clip, settings).frames
    return [round(float(frames.luma(number).mean()) * 219 / 255) for number in range(len(frames))]


@pytest.mark.parametrize(
    ("rate", "step"),
    [(0, 1), (5, 1), (25, 1), (29.97, 1), (30, 1), (31, 1), (48, 2), (50, 2), (59.94, 2), (60, 2), (120, 4), (239, 8)],
)
def test_of_how_many_frames_one_is_looked_at(rate: float, step: int) -> None:
    assert step_for(rate) == step


@pytest.mark.parametrize("rate", ["24", "25", "30000/1001", "30"])
def test_every_frame_of_a_usual_clip_is_looked_at(make_clip: MakeClip, settings: MediaSettings, rate: str) -> None:
    clip = counted(make_clip, f"usual{rate.replace('/', '-')}.mkv", rate, 2)
    found = numbers(clip, settings)
    assert found == list(range(len(found))) and len(found) >= 48


@pytest.mark.parametrize(("rate", "step"), [("50", 2), ("60000/1001", 2), ("60", 2), ("120", 4), ("239", 8)])
def test_every_n_th_frame_of_a_faster_one_at_its_own_time(
    make_clip: MakeClip, settings: MediaSettings, rate: str, step: int
) -> None:
    clip = counted(make_clip, f"fast{rate.replace('/', '-')}.mkv", rate, 0.8)

    found, decoded = numbers(clip, settings), decode(clip, settings)

    assert found == list(range(0, step * len(found), step))
    top, _, bottom = rate.partition("/")
    assert decoded.times == pytest.approx(np.array(found) * int(bottom or 1) / int(top), abs=1.1e-3)
    assert decoded.seconds == pytest.approx(0.8, abs=0.035)


def test_sound_stays_beside_a_fast_picture(make_clip: MakeClip, settings: MediaSettings) -> None:
    tone = ["-f", "lavfi", "-i", "sine=440:r=16000:d=2", "-map", "0:v", "-map", "1:a"]
    picture = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=120:d=2"]

    decoded = decode(make_clip("fast-tone.mp4", *picture, *tone), settings)

    assert len(decoded.frames) == 60
    assert len(decoded.sound) == pytest.approx(32_000, abs=1100)


@pytest.mark.parametrize("rate", [300, 480, 960])
@pytest.mark.parametrize("sound", [True, False])
def test_a_clip_of_a_camera_for_fast_motion_lasts_as_long_as_its_sound(
    make_clip: MakeClip, settings: MediaSettings, rate: int, sound: bool
) -> None:
    """Its pictures had been taken for 25 a second, which lasted many times as long as the sound beside them."""
    picture = ("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={rate}:d=1", "-c:v", "libx264", "-preset", "ultrafast")
    tone = ("-f", "lavfi", "-i", "sine=440:r=16000:d=1") * sound
    decoded = decode(make_clip(f"camera{rate}{sound}.mp4", *picture[:4], *tone, *picture[4:]), settings)
    assert decoded.seconds == pytest.approx(1, abs=0.1)
    assert len(decoded.times) == pytest.approx(30, abs=1)


def test_a_clip_that_bursts_and_rests_keeps_all_its_frames(make_clip: MakeClip, settings: MediaSettings) -> None:
    shift = "setpts='PTS+if(gt(N,29),2/TB,0)'"
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=60:d=1", "-vf", shift, "-fps_mode", "passthrough"]

    assert len(decode(make_clip("bursts.mp4", *source), settings).frames) == 60


def test_the_rate_is_measured_where_the_file_states_a_lower_one(make_clip: MakeClip, settings: MediaSettings) -> None:
    faster = "settb=1/1000,setpts='round(N/200/TB)'"
    clip = counted(
        make_clip, "lies.mkv", "25", 32, "-filter:v", faster, "-fps_mode", "passthrough", "-enc_time_base", "1:1000"
    )

    found, decoded = numbers(clip, settings), decode(clip, settings)

    assert decoded.report.listing.videos[0].mean_rate == 25
    assert found == [number % 200 for number in range(0, 800, 7)]
    assert decoded.times == pytest.approx(np.arange(0, 800, 7) / 200, abs=1.1e-3)


def test_a_clip_of_the_allowed_length_is_taken_at_any_rate(make_clip: MakeClip, settings: MediaSettings) -> None:
    clip = counted(make_clip, "long-enough.mkv", "239", 1)
    assert decode(clip, settings).seconds <= 1.001


def test_windows_of_a_fast_video_are_looked_at_as_it_is(make_clip: MakeClip, settings: MediaSettings) -> None:
    clip = counted(make_clip, "fast-windows.mkv", "120", 2)
    assert [len(decode(window.file, settings).frames) for window in windows_of(clip, 1, settings)] == [30, 30]


def test_a_clip_that_is_fast_only_at_first_keeps_all_its_frames(make_clip: MakeClip, settings: MediaSettings) -> None:
    fast_then_slow = "setpts='if(lt(N,720),N/120,6+(N-720)/4)/TB'"
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=240:d=4", "-vf", fast_then_slow, "-fps_mode", "passthrough"]
    clip = make_clip("tires.mkv", *source, "-enc_time_base", "1:1000", "-c:v", "ffv1")

    assert len(decode(clip, settings).frames) == 960


@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
def test_a_clip_of_slides_lasts_as_long_as_it_says_and_not_as_if_each_were_shown_equally_long(
    make_clip: MakeClip, settings: MediaSettings, container: str
) -> None:
    slides = "nullsrc=s=64x64:r=1:d=110,geq=lum='16+N':cb=128:cr=128,select='eq(n,0)+eq(n,100)'"
    sound = ("-f", "lavfi", "-i", "sine=440:r=16000:d=104")
    shown = ("-f", "lavfi", "-i", slides, *sound, "-fps_mode", "passthrough", "-c:v", "libx264", "-c:a", "aac")

    decoded = decode(make_clip(f"slides.{container}", *shown), settings)

    assert list(decoded.times) == [0, 100]
    assert decoded.seconds == pytest.approx(104, abs=0.2)


def test_the_last_frame_is_shown_as_long_as_others_but_for_slides() -> None:
    usual = np.arange(50) / 25

    assert shown_until(usual, 0, 1, known=0) == pytest.approx(2)
    assert shown_until(usual[::2], 0, 2, known=5) == pytest.approx(1.96)
    assert shown_until(np.array([0.0]), 10, 1, known=0) == pytest.approx(0.1)
    slides = np.array([0.0, 80.0])
    assert [shown_until(slides, 1, 1, known) for known in (0, 60, 85, 200)] == pytest.approx([80.1, 80.1, 85, 160])
