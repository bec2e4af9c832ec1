"""Decoders of plain uploads: a fork for each, which gives what ffmpeg gives, reaches nothing and is not believed."""

from __future__ import annotations

import dataclasses
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from affekt.media import pyav
from affekt.media.ffmpeg_log import FileReport
from affekt.media.ffmpeg_run import FfmpegRun, run_ffmpeg
from affekt.media.filter_graphs import Kind
from affekt.media.frames import Frames
from affekt.media.listing import Listing
from affekt.serving.decoder import Decoder
from affekt.serving.decoder_room import Memory, Room
from affekt.settings import MediaSettings

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine()) != pyav.SYSTEM, reason="PyAV was compared with ffmpeg on Linux, x86_64, alone"
)

#: What a fork tries: the exit status is the place of the first thing that is not refused, or 100.
TRIED = """
import mmap, os, socket, sys
from affekt.serving.system_calls import only_decode
opened = os.open(sys.argv[1], os.O_RDONLY)
there = socket.socketpair()[0]
assert only_decode()
tries = [
    lambda: os.open(sys.argv[1], os.O_RDONLY),
    lambda: socket.socket(),
    lambda: os.fork(),
    lambda: os.execv("/bin/true", ["true"]),
    lambda: os.kill(os.getppid(), 0),
    lambda: there.send(b"word"),
    lambda: os.write(1, b"word"),
    lambda: os.unlink(sys.argv[1]),
    lambda: os.stat(sys.argv[1]),
    lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    lambda: os.setpriority(os.PRIO_PROCESS, 0, 5),
]
for number, what in enumerate(tries):
    try:
        what()
    except PermissionError:
        continue
    os._exit(number + 1)
# What decoding needs is there.
os._exit(100 if os.read(opened, 4) and mmap.mmap(-1, 1 << 20) else 99)
"""


@pytest.fixture(scope="module")
def media(tiny_settings) -> MediaSettings:
    return tiny_settings.media


@pytest.fixture(scope="module")
def decoder(media: MediaSettings) -> Iterator[Decoder]:
    started = Decoder.started(media)
    assert started is not None
    yield started
    started.close()


def asked(decoder: Decoder, path: Path, media: MediaSettings) -> FfmpegRun | None:
    """What a decoder gives when it is ready."""
    ends = time.monotonic() + 60
    while not decoder.ready and time.monotonic() < ends:
        time.sleep(0.02)
    return decoder(path, media, time.monotonic() + 60)


def test_a_fork_gives_what_ffmpeg_gives_clip_after_clip(decoder, clip, media):
    apart = run_ffmpeg(clip, media, time.monotonic() + 60)
    for _ in range(2):
        here = asked(decoder, clip, media)
        assert here is not None and here.frames is not None and apart.frames is not None
        assert len(here.frames) == len(apart.frames) > 5
        for number in range(len(here.frames)):
            assert np.array_equal(here.frames.rgb(number), apart.frames.rgb(number))
        assert np.array_equal(here.times, apart.times)
        assert np.array_equal(here.sound, apart.sound)
        assert (here.sound_start, here.report.listing) == (apart.sound_start, apart.report.listing)


@pytest.mark.parametrize("cut", [1000, 0])
def test_what_is_not_plain_is_left_to_ffmpeg(cut, decoder, clip, no_clip, media, tmp_path):
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:-cut] if cut else b"\0\0\0\x08ftyp" * 100)

    assert asked(decoder, tmp_path / "cut.mp4", media) is None
    assert asked(decoder, no_clip, media) is None
    assert asked(decoder, clip, dataclasses.replace(media, sample_rate=8000)) is None
    assert asked(decoder, clip, media) is not None


def test_nothing_is_within_reach_of_a_fork(clip):
    assert subprocess.run([sys.executable, "-c", TRIED, str(clip)], capture_output=True).returncode == 100


def test_when_the_process_behind_them_is_gone_ffmpeg_decodes(clip, media, caplog):
    started = Decoder.started(media)
    assert started is not None and asked(started, clip, media) is not None
    process = psutil.Process(started.process.pid)
    ends = time.monotonic() + 30
    while not (forks := process.children()) and time.monotonic() < ends:  # the next one, which waits
        time.sleep(0.02)

    started.process.kill()

    assert asked(started, clip, media) is None
    assert "by ffmpeg alone from here on" in caplog.text
    assert forks and not psutil.wait_procs([process, *forks], timeout=5)[1]


@pytest.fixture
def plain() -> Callable[[Room], pyav.Plain]:
    """Puts two grey pictures into a room."""

    def put(room: Room) -> pyav.Plain:
        frames = Frames(4, 2, room.pictures)
        for _ in range(2):
            frames.add([np.full((2, 4), 7, np.uint8), *np.full((2, 1, 2), 128, np.uint8)])
        run = FfmpegRun(frames, np.array([0.0, 0.04]), np.arange(5, dtype=np.int16), 0.5, FileReport(Listing()), 0)
        left = pyav.Plain(run, "", Kind(4, 2, "yuv420p", 2, 1))
        assert room.put(left)
        return left

    return put


def test_memory_is_wiped_before_another_clip_and_not_taken_from_who_looks_at_it(plain, media):
    memory = Memory(media)
    file, _, room = memory.next()
    plain(Room(file, media))
    taken = room.take()
    assert taken.run.frames is not None and taken.run.frames.luma(1).tolist() == [[7] * 4] * 2
    assert taken.run.sound.tolist() == [0, 1, 2, 3, 4]

    other, *_, another = memory.next()

    assert not np.asarray(another.pictures.array((100,))).any()
    assert taken.run.frames.luma(1).tolist() == [[7] * 4] * 2
    plain(Room(other, media))
    another.take()
    again, there, room = memory.next()
    assert (again, there > 0) == (other, True)
    with pytest.raises(ValueError, match="no document"):
        room.take()
    assert not np.asarray(room.pictures.array((100,))).any()
    memory.drop()


@pytest.mark.parametrize(
    "changed",
    [
        {"size": [5, 2]}, {"size": [1 << 14, 1 << 14]}, {"size": "4x2"}, {"frames": 1}, {"frames": 1 << 30},
        {"samples": -1}, {"samples": 1 << 30}, {"start": float("nan")}, {"start": 0}, {"listed": None},
        {"kind": [4, 2, "yuv420p", 2]}, {"kind": [1 << 14, 1 << 14, "yuv420p", 2, 1]},
        {"kind": [4, 2, "yuv420p", 2, True]},
    ],
)  # fmt: skip
def test_what_a_fork_leaves_is_not_believed(changed, plain, media):
    memory = Memory(media)
    file, _, room = memory.next()
    plain(Room(file, media))
    size = int.from_bytes(room.document[:4], "little")
    document = json.dumps({**json.loads(bytes(room.document[4 : 4 + size])), **changed}).encode()
    room.document[: 4 + len(document)] = len(document).to_bytes(4, "little") + document

    with pytest.raises(ValueError):
        room.take()
    memory.drop()
