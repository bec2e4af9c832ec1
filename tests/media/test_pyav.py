"""Decoding within a worker: plain files give what ffmpeg gives, to the last bit, and all others are left to it."""

from __future__ import annotations

import dataclasses
import platform
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affekt.errors import MediaError
from affekt.media import pyav
from affekt.media.decode import decode
from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.filter_graphs import Kind, levels_of
from affekt.settings import MediaSettings
from affekt.store import workers

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != pyav.SYSTEM, reason="PyAV was compared with ffmpeg on Linux, x86_64, alone"
)
MakeClip = Callable[..., Path]
BT709 = "h264_metadata=colour_primaries=1:transfer_characteristics=1:matrix_coefficients=1:video_full_range_flag=0"
#: Files of one encoded clip: what they are called, and ffmpeg's arguments behind it.
PLAIN = {
    "plain.mp4": ["-c", "copy"],
    "of_its_range.mp4": ["-c", "copy", "-bsf:v", BT709],
    "shortened.mp4": ["-t", "0.7", "-c", "copy"],
    "without_edits.mp4": ["-c", "copy", "-use_editlist", "0"],
    "no_sound.mp4": ["-an", "-c", "copy"],
    "matroska.mkv": ["-c:v", "copy", "-c:a", "libopus"],
    "mp3_in_mp4.mp4": ["-c:v", "copy", "-c:a", "libmp3lame"],
    "six_channels.mov": ["-c:v", "copy", "-c:a", "pcm_s16le", "-ac", "6"],
    "large.mp4": [
        "-t",
        "0.3",
        "-vf",
        "scale=640:480",
        *["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=0"],
    ],
    "ten_bits.mp4": ["-t", "0.5", "-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-preset", "ultrafast"],
    "vp9.webm": ["-t", "0.3", *["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libvorbis"]],
}
OTHERS = {
    "in_fragments.mp4": ["-c", "copy", "-movflags", "frag_keyframe+empty_moov"],
    "wide_pixels.mp4": ["-c", "copy", "-aspect", "16:9"],
    "fast.mp4": ["-t", "1", "-c", "copy", "-bsf:v", "setts=ts=TS/2"],
    "chunks.avi": ["-c", "copy", "-bsf:v", "h264_mp4toannexb"],
    "broadcast.ts": ["-c", "copy"],
    "opus.mp4": ["-c:v", "copy", "-c:a", "libopus"],
    "two_sounds.mp4": ["-map", "0", "-map", "0:a", "-c", "copy"],
    "from_later_on.mkv": ["-c", "copy", "-output_ts_offset", "100"],
}


@pytest.fixture
def encoded(make_clip: MakeClip) -> Path:
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1.3", "-f", "lavfi", "-i", "sine=440:r=44100:d=1.3"]
    return make_clip("encoded.mkv", *source, "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac")


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyav, "_allowed", False)  # and what it was, afterwards
    pyav.allow()


def run(path: Path, settings: MediaSettings) -> object:
    return pyav.run_pyav(path, settings, time.monotonic() + 60)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_file_gives_what_ffmpeg_gives(
    name: str, make_clip: MakeClip, encoded: Path, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(f"inside_{name}", "-i", encoded, *PLAIN[name])
    apart = decode(clip, settings)
    monkeypatch.setattr(pyav, "_allowed", False)
    pyav.allow()

    assert run(clip, settings) is not None
    here = decode(clip, settings)

    assert (here.frames.width, here.frames.height) == (apart.frames.width, apart.frames.height)
    assert len(here.frames) == len(apart.frames) > 5
    for number in range(len(here.frames)):
        assert np.array_equal(here.frames.luma(number), apart.frames.luma(number))
        assert np.array_equal(here.frames.chroma(number), apart.frames.chroma(number))
    assert np.array_equal(here.times, apart.times)
    assert np.array_equal(here.sound, apart.sound)
    assert (here.seconds, here.zero, here.other_sounds) == (apart.seconds, apart.zero, apart.other_sounds)
    assert here.report.listing == apart.report.listing


def test_where_only_values_change_a_table_takes_the_place_of_the_filters() -> None:
    kind = Kind(160, 120, "yuv420p", 2, 0)

    brightness, *_ = levels_of(kind, 120) or ()

    assert [int(brightness.table[value]) for value in (0, 16, 235, 255)] == [0, 0, 255, 255]
    assert levels_of(kind, 100) is None
    assert levels_of(kind._replace(format="yuv444p"), 120) is None


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_plain_is_left_to_ffmpeg(
    name: str, make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None
) -> None:
    assert run(make_clip(f"inside_{name}", "-i", encoded, *OTHERS[name]), settings) is None


@pytest.mark.parametrize(
    "how",
    [
        ["-display_rotation", "90"],
        ["-display_vflip"],
        ["-display_hflip"],
        ["-display_rotation", "180", "-display_hflip"],
    ],
)
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_turned_or_mirrored_picture_is_left_to_ffmpeg(
    make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None, how: list[str], container: str
) -> None:
    clip = make_clip(f"inside{''.join(how)}.{container}", *how, "-i", encoded, "-c", "copy")

    assert run(clip, settings) is None


def test_a_picture_that_its_file_crops_is_shown_so_everywhere(
    make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None, tmp_path: Path
) -> None:
    whole = make_clip("inside_whole.mp4", "-i", encoded, "-c", "copy")
    clip = tmp_path / "cropped.mp4"
    clip.write_bytes(cropped(whole.read_bytes(), (140, 100), (2, -2)))

    assert run(clip, settings) is None
    frames, full = decode(clip, settings).frames, decode(whole, settings).frames
    assert (frames.width, frames.height) == (frames.source_width, frames.source_height) == (140, 100)
    assert np.array_equal(frames.luma(5), full.luma(5)[8:108, 12:152])


def cropped(mp4: bytes, size: tuple[int, int], offset: tuple[int, int]) -> bytes:
    """An MP4 file whose index stands last, with a clean aperture for its picture: size, and offset of the middle."""
    start, above = 0, []
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        start = mp4.index(name, start)
        above.append(start - 4)
    end = above[-1] + int.from_bytes(mp4[above[-1] : above[-1] + 4], "big")
    box = struct.pack(">I4s8i", 40, b"clap", size[0], 1, size[1], 1, offset[0], 1, offset[1], 1)
    made = bytearray(mp4[:end] + box + mp4[end:])
    for place in above:
        made[place : place + 4] = (int.from_bytes(made[place : place + 4], "big") + len(box)).to_bytes(4, "big")
    return bytes(made)


def test_sound_that_starts_late_in_an_mp4_is_left_to_ffmpeg(
    make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None
) -> None:
    late = ["-itsoffset", "0.5", "-i", encoded, "-map", "0:v", "-map", "1:a"]
    clip = make_clip("inside_late.mp4", "-i", encoded, *late, "-c", "copy")

    assert run(clip, settings) is None


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "no media"])
def test_a_damaged_file_is_left_to_ffmpeg(
    damage: str, make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None, tmp_path: Path
) -> None:
    data = bytearray(make_clip("inside_plain.mp4", "-i", encoded, *PLAIN["plain.mp4"]).read_bytes())
    middle = len(data) // 2
    if damage == "cut off":
        data = data[:middle]
    elif damage == "overwritten":
        data[middle : middle + 2000] = bytes(2000)
    else:
        data = bytearray(b"text\n" * 1000)
    (tmp_path / "damaged.mp4").write_bytes(data)

    assert run(tmp_path / "damaged.mp4", settings) is None


def test_time_is_over_here_too(make_clip: MakeClip, encoded: Path, settings: MediaSettings, allowed: None) -> None:
    clip = make_clip("inside_plain.mp4", "-i", encoded, *PLAIN["plain.mp4"])

    with pytest.raises(MediaError) as failure:
        pyav.run_pyav(clip, settings, time.monotonic())

    assert failure.value.code == "timeout"


def test_only_processes_of_a_pool_decode_here(
    make_clip: MakeClip, encoded: Path, settings: MediaSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clip = make_clip("inside_plain.mp4", "-i", encoded, *PLAIN["plain.mp4"])
    monkeypatch.setattr(pyav, "_allowed", False)

    before = run(clip, settings)
    workers._opened({"root": str(tmp_path), "settings": dataclasses.asdict(settings)})

    assert before is None
    assert run(clip, settings) is not None


@pytest.mark.parametrize("other", ["library", "program", "processor"])
def test_versions_that_were_not_compared_are_not_used(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyav, "_allowed", True)
    pyav._compared.cache_clear()
    if other == "library":
        monkeypatch.setitem(pyav.COMPARED, "av", "18.0.0")
    elif other == "processor":
        monkeypatch.setattr(pyav, "SYSTEM", ("linux", "another"))
    else:
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", ffmpeg_binary())

    pyav.allow()

    assert not pyav._allowed
    pyav._compared.cache_clear()
