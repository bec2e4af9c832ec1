"""Decoding: pictures, times and sound of any file within limits, or one clear error."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from affekt.errors import MediaError
from affekt.media import frames as frame_store
from affekt.media import pipes, pyav, runs
from affekt.media.decode import decode
from affekt.media.ffmpeg_command import picture_side
from affekt.media.ffmpeg_run import run_ffmpeg
from affekt.settings import MediaSettings

MakeClip = Callable[..., Path]


def test_one_pass_gives_pictures_times_and_sound(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings
) -> None:
    decoded = decode(make_clip("plain.mp4", *pattern), settings)

    assert len(decoded.frames) == 75
    assert (decoded.frames.width, decoded.frames.height) == (320, 240)
    assert decoded.times == pytest.approx(np.arange(75) / 25, abs=1e-5)
    assert decoded.sound.dtype == np.int16
    assert decoded.sound.size == pytest.approx(48000, abs=1600)
    assert not decoded.truncated


def test_picture_t_is_frame_t(make_clip: MakeClip, settings: MediaSettings) -> None:
    source = "nullsrc=s=64x64:r=25:d=4,geq=lum='16+2*N':cb=128:cr=128"
    clip = make_clip("counted.mkv", "-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv420p")

    frames = decode(clip, settings).frames

    levels = [float(frames.luma(number).mean()) for number in range(len(frames))]
    assert len(levels) == 100
    assert levels == pytest.approx([2 * number * 255 / 219 for number in range(100)], abs=1.5)


def test_the_times_of_a_variable_frame_rate_are_kept(make_clip: MakeClip, settings: MediaSettings) -> None:
    shift = "setpts='PTS+if(gt(N,9),1/TB,0)'"
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1", "-vf", shift, "-fps_mode", "vfr"]

    times = decode(make_clip("variable.mp4", *source), settings).times

    expected = np.arange(25) / 25 + np.where(np.arange(25) > 9, 1, 0)
    assert times == pytest.approx(expected, abs=1e-3)


def test_colours_are_those_of_the_clip(make_clip: MakeClip, settings: MediaSettings) -> None:
    clip = make_clip("red.mp4", "-f", "lavfi", "-i", "color=c=0xC81E32:s=64x64:d=0.2", "-colorspace", "bt709")

    picture = decode(clip, settings).frames.rgb(0)

    assert np.abs(picture.astype(int) - [0xC8, 0x1E, 0x32]).max() <= 6


@pytest.mark.parametrize(("angle", "size", "bright"), [(90, (120, 160), "bottom"), (180, (160, 120), "right")])
def test_a_turned_phone_video_is_shown_upright(
    make_clip: MakeClip, settings: MediaSettings, angle: int, size: tuple[int, int], bright: str
) -> None:
    half = "color=black:s=160x120:d=0.4,drawbox=w=80:color=white:t=fill"
    flat = make_clip("flat.mp4", "-f", "lavfi", "-i", half)

    turned = make_clip(f"turned{angle}.mp4", "-display_rotation", str(angle), "-i", flat, "-c", "copy")

    frames = decode(turned, settings).frames

    assert (frames.width, frames.height) == size == (frames.source_width, frames.source_height)
    luma = frames.luma(0)
    part = luma[luma.shape[0] // 2 + 4 :] if bright == "bottom" else luma[:, luma.shape[1] // 2 + 4 :]
    assert part.mean() > 240


@pytest.mark.parametrize(("how", "bright"), [("-display_hflip", np.s_[:46, 84:]), ("-display_vflip", np.s_[74:, :76])])
def test_a_mirrored_video_is_shown_as_the_file_says(
    make_clip: MakeClip, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch, how: str, bright: tuple[slice, slice]
) -> None:
    flat = make_clip(
        "corner.mp4", "-f", "lavfi", "-i", "color=black:s=160x120:d=0.4,drawbox=w=80:h=50:color=white:t=fill"
    )
    mirrored = make_clip(f"mirrored{how}.mp4", how, "-i", flat, "-c", "copy")
    monkeypatch.setattr(pyav, "_allowed", False)
    pyav.allow()  # as where many clips are prepared

    luma = decode(mirrored, settings).frames.luma(0)

    assert luma[bright].mean() > 240


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("odd.mkv", ["-vf", "crop=161:121", "-c:v", "ffv1", "-pix_fmt", "yuv444p"], (160, 120)),
        ("tiny.mp4", ["-vf", "scale=16:16,setsar=1"], (16, 16)),
        ("grey.mkv", ["-c:v", "ffv1", "-pix_fmt", "gray"], (320, 240)),
        ("ten_bit.mp4", ["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le"], (320, 240)),
        ("alpha.webm", ["-vf", "format=yuva420p", "-c:v", "libvpx", "-auto-alt-ref", "0"], (320, 240)),
        ("wide_pixels.mp4", ["-vf", "setsar=16/11"], (466, 240)),
        ("high.mp4", ["-vf", "scale=1280:960"], (342, 256)),
        ("upright.mp4", ["-vf", "scale=540:960,setsar=1"], (256, 456)),
        ("motion.avi", ["-c:v", "mjpeg"], (320, 240)),
        ("moving.gif", [], (320, 240)),
    ],
)
def test_any_picture_comes_with_even_sides_and_square_pixels_and_no_larger_than_needed(
    make_clip: MakeClip, settings: MediaSettings, name: str, arguments: list[str], size: tuple[int, int]
) -> None:
    clip = make_clip(name, "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=0.5", *arguments)

    frames = decode(clip, settings).frames

    assert len(frames) == 5
    assert (frames.width, frames.height) == pytest.approx(size, abs=2)
    assert frames.width % 2 == frames.height % 2 == 0


def test_a_change_of_size_in_the_middle_keeps_every_frame(
    make_clip: MakeClip, tmp_path: Path, settings: MediaSettings
) -> None:
    parts = [
        make_clip(f"{size}.ts", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=1", "-c:v", "mpeg2video")
        for size in ("320x240", "640x480")
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    frames = decode(joined, settings).frames

    assert len(frames) == pytest.approx(50, abs=1)
    assert np.abs(frames.luma(5).astype(int) - frames.luma(30)).mean() < 12  # the same test picture, in one size


def test_of_several_streams_the_first_of_each_kind_is_taken(make_clip: MakeClip, settings: MediaSettings) -> None:
    sources = ["color=white:s=160x120:d=1", "color=black:s=320x240:d=1", "sine=440:d=1", "anullsrc=d=1"]
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    maps = [word for number in range(4) for word in ("-map", str(number))]

    decoded = decode(make_clip("several.mkv", *inputs, *maps, "-t", "1"), settings)

    assert (decoded.frames.width, decoded.frames.luma(0).mean() > 240) == (160, True)
    assert np.abs(decoded.sound).max() > 1000


def test_a_clip_without_sound_gives_pictures(make_clip: MakeClip, settings: MediaSettings) -> None:
    decoded = decode(make_clip("mute.mp4", "-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1"), settings)

    assert (len(decoded.frames), decoded.sound.size) == (25, 0)


def test_a_sound_file_gives_sound_even_with_a_cover_picture(make_clip: MakeClip, settings: MediaSettings) -> None:
    cover = make_clip("cover.jpg", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1")
    tagging = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"]
    song = make_clip("song.mp3", "-f", "lavfi", "-i", "sine=440:d=2", "-i", cover, *tagging)

    decoded = decode(song, settings)

    assert len(decoded.frames) == 0
    assert decoded.sound.size == pytest.approx(32000, abs=2000)


def test_sound_that_nothing_can_decode_leaves_the_pictures(
    make_clip: MakeClip, pattern: list[str], tmp_path: Path, settings: MediaSettings
) -> None:
    clip = tmp_path / "odd_sound.mkv"
    clip.write_bytes(make_clip("aac.mkv", *pattern, "-c:a", "aac").read_bytes().replace(b"A_AAC", b"A_XYZ"))

    decoded = decode(clip, settings)

    assert (len(decoded.frames), decoded.sound.size) == (75, 0)


def test_a_still_picture_is_a_clip_of_one_frame(make_clip: MakeClip, settings: MediaSettings) -> None:
    still = make_clip("still.jpg", "-f", "lavfi", "-i", "testsrc2=s=320x240", "-frames:v", "1")

    decoded = decode(still, settings)

    assert (len(decoded.frames), decoded.truncated) == (1, False)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("whole.avi", ["-c:v", "mpeg4", "-c:a", "mp3"]),
        ("whole.mp4", ["-movflags", "+faststart"]),
        ("whole.mkv", []),
        ("whole.wav", ["-vn"]),
    ],
)
def test_a_file_that_ends_too_early_is_used_and_flagged(
    make_clip: MakeClip, pattern: list[str], tmp_path: Path, settings: MediaSettings, name: str, arguments: list[str]
) -> None:
    whole = make_clip(name, *pattern, *arguments)
    part = tmp_path / name
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 5])

    decoded = decode(part, settings)

    assert not decode(whole, settings).truncated
    assert decoded.truncated
    assert len(decoded.frames) < 75 and decoded.sound.size < 48000
    assert len(decoded.frames) == len(decoded.times)


def test_damage_in_the_middle_is_noticed(
    make_clip: MakeClip, pattern: list[str], tmp_path: Path, settings: MediaSettings
) -> None:
    whole = make_clip("plain.mp4", *pattern)
    content, chance = bytearray(whole.read_bytes()), random.Random(3)
    for _ in range(200):
        content[chance.randrange(4000, len(content) - 8000)] = chance.randrange(256)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)

    assert decode(damaged, settings).report.damaged
    assert not decode(whole, settings).report.damaged


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"hello\n", "unreadable"),
        ("garbage.mp4", random.Random(1).randbytes(50_000), "unreadable"),
        ("half.avi", b"RIFF\x00\x10\x00\x00AVI LIST", "unreadable"),
    ],
    ids=["empty", "text", "garbage", "half"],  # an id reaches programs in the environment, which is limited
)
def test_what_is_no_media_file_is_one_error_with_its_code(
    tmp_path: Path, settings: MediaSettings, name: str, content: bytes, code: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(MediaError) as caught:
        decode(path, settings)

    assert (caught.value.code, caught.value.where) == (code, str(path))


def test_what_is_no_file_is_missing(tmp_path: Path, settings: MediaSettings) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")

    for path in (tmp_path / "absent.mp4", tmp_path, tmp_path / "pipe.mp4"):
        with pytest.raises(MediaError) as caught:
            decode(path, settings)
        assert caught.value.code == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {clip}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{clip}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_cannot_make_other_files_open(
    make_clip: MakeClip, pattern: list[str], tmp_path: Path, settings: MediaSettings, text: str
) -> None:
    playlist = tmp_path / "clip.mp4"
    playlist.write_text(text.format(clip=make_clip("plain.mp4", *pattern)))

    with pytest.raises(MediaError) as caught:
        decode(playlist, settings)

    assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"max_bytes": 1000}, "too_large"),
        ({"max_seconds": 1.0}, "too_long"),
        ({"max_pixels": 320 * 240 - 1}, "too_many_pixels"),
        ({"timeout_seconds": 0.005}, "timeout"),
    ],
)
def test_limits_are_kept(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, limit: dict[str, float], code: str
) -> None:
    with pytest.raises(MediaError) as caught:
        decode(make_clip("plain.mp4", *pattern), replace(settings, **limit))  # type: ignore[arg-type]

    assert caught.value.code == code
    assert next(iter(limit)) in caught.value.message


def test_pictures_beyond_the_memory_budget_are_the_same(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip("plain.mp4", *pattern)
    expected = decode(clip, settings).frames
    monkeypatch.setattr(frame_store, "_CHUNK", 1 << 20)
    monkeypatch.setattr(pipes, "Spill", lambda: frame_store.Spill(budget=2 << 20))

    frames = decode(clip, settings).frames

    assert len(frames) == 75
    assert all(np.array_equal(frames.luma(number), expected.luma(number)) for number in range(75))


def test_pictures_stay_where_they_were_decoded_within_the_budget_and_are_copied_beyond() -> None:
    padded = np.random.default_rng(0).integers(0, 256, (5, 3, 6, 16), np.uint8)
    frames = frame_store.Frames(8, 6, frame_store.Spill(budget=400))  # each takes 192 bytes
    for luma, blue, red in padded:
        frames.add([luma, blue[:3], red[:3]])

    assert [np.shares_memory(frames.luma(number), padded) for number in range(5)] == [True, True, False, False, False]
    assert all(np.array_equal(frames.luma(number), padded[number, 0, :, :8]) for number in range(5))
    assert all(np.array_equal(frames.chroma(number)[1], padded[number, 2, :3, :4]) for number in range(5))


def test_a_clip_of_too_many_pictures_is_decoded_smaller(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pipes, runs):
        monkeypatch.setattr(module, "MAX_PICTURE_BYTES", 4 << 20)
    monkeypatch.setattr(frame_store, "_CHUNK", 1 << 20)

    frames = decode(make_clip("plain.mp4", *pattern), settings).frames

    assert len(frames) == 75
    assert frames.height < 240 == frames.source_height


def test_decoding_leaves_no_process_and_no_open_file(
    make_clip: MakeClip, pattern: list[str], tmp_path: Path, settings: MediaSettings
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"hello")
    clip = make_clip("plain.mp4", *pattern)
    decode(clip, settings)
    before = psutil.Process().num_fds()
    children = psutil.Process().children()  # other tests may have left a process of Python's own

    for path, limits in ((clip, settings), (bad, settings), (clip, replace(settings, timeout_seconds=0.005))):
        with contextlib.suppress(MediaError):
            decode(path, limits)

    assert psutil.Process().num_fds() == before
    assert psutil.Process().children() == children


@pytest.mark.parametrize(
    ("name", "count", "size", "sound"),
    [
        ("face_noface.mov", 169, (960, 540), True),
        ("multi_person_1080p.mp4", 105, (1920, 1080), True),
        ("no_audio_mpeg4.mp4", 105, (640, 360), False),
        ("no_face.mp4", 95, (960, 540), True),
        ("multiface.jpg", 1, (1200, 630), False),
    ],
)
def test_real_files_of_many_kinds(
    shared_data: Path, settings: MediaSettings, name: str, count: int, size: tuple[int, int], sound: bool
) -> None:
    decoded = decode(shared_data / "edge_media" / name, settings)

    assert len(decoded.frames) == count
    assert (decoded.frames.source_width, decoded.frames.source_height) == size
    assert bool(decoded.sound.size) == sound
    assert (np.diff(decoded.times) > 0).all()
    assert not decoded.truncated


def test_a_photograph_of_a_phone_is_scaled_down_and_not_refused(make_clip, settings):
    path = make_clip("phone.jpg", "-f", "lavfi", "-i", "testsrc2=s=4032x3024:d=0.04", "-frames:v", "1")
    decoded = decode(path, settings)
    assert (decoded.frames.source_width, decoded.frames.source_height) == (4032, 3024)
    assert min(decoded.frames.width, decoded.frames.height) == picture_side(settings)


def test_a_still_picture_has_a_limit_of_its_own(make_clip, settings):
    path = make_clip("phone.jpg", "-f", "lavfi", "-i", "testsrc2=s=4032x3024:d=0.04", "-frames:v", "1")
    few = replace(settings, max_pixels=4032 * 3024 // 8 - 1)
    with pytest.raises(MediaError) as error:
        decode(path, few)
    assert error.value.code == "too_many_pixels"


def test_a_stream_most_of_which_is_damaged_ends_no_run_early(
    make_clip: MakeClip, pattern: list[str], settings: MediaSettings, tmp_path: Path
) -> None:
    """Else how much of the sound and the pictures comes out is a matter of chance."""
    content = bytearray(make_clip("plain.mp4", *pattern).read_bytes())
    start, chance = content.find(b"mdat") + 4, random.Random(1)
    for place in range(start, content.find(b"moov", start), 40):
        content[place] = chance.randrange(256)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    runs = [run_ffmpeg(damaged, settings, time.monotonic() + 30) for _ in range(4)]
    assert [run.exit_code for run in runs] == [0] * 4
    assert len({run.sound.tobytes() for run in runs}) == 1
