"""The memory in which a decoder leaves what came out of one clip, and how it is read from there without trust."""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from affekt.media.ffmpeg_log import FileReport
from affekt.media.ffmpeg_run import FfmpegRun
from affekt.media.filter_graphs import Kind
from affekt.media.frames import MEMORY_BUDGET, Frames, Spill
from affekt.media.listing import MAX_FRAME_RATE, read_listing
from affekt.media.pyav import Plain
from affekt.settings import MediaSettings

#: Bytes of the document, of its length in front of it, and of huge pages, in which pictures begin.
_DOCUMENT, _LENGTH, _PAGE = 64 << 10, 4, 2 << 20
#: Bytes that are kept for the next clip, at most.
_KEPT = 48 << 20
#: ``MADV_POPULATE_WRITE``, which Python does not name.
_POPULATE_WRITE = 23
#: Where something begins, and its bytes.
Span = tuple[int, int]
#: Pixels of a side, seconds of a time, and what libav numbers matrices and ranges with, beyond which nothing is
#: believed.
_MOST_SIDE, _MOST_SECONDS, _MOST_NUMBER = 1 << 15, 1e6, 1 << 10


class _Layout(NamedTuple):
    """Where what lies: how many times and samples there may be, and the bytes at which samples and pictures begin."""

    times: int
    samples: int
    sound_at: int
    pictures_at: int

    @classmethod
    def of(cls, settings: MediaSettings) -> _Layout:
        times = int(settings.max_seconds * MAX_FRAME_RATE) + 1
        samples = int((settings.max_seconds + 2) * settings.sample_rate) + 1
        sound_at = _DOCUMENT + 8 * times
        return cls(times, samples, sound_at, -(-(sound_at + 2 * samples) // _PAGE) * _PAGE)


class Room:
    """Shared memory for one clip: a document, times, sound, and pictures in as much as a clip may have in memory.

    Args:
        file: a descriptor of :class:`Memory`; other processes have it, too.
        settings: of the clip.

    Attributes:
        spans: where what :meth:`take` gave lies.
    """

    def __init__(self, file: int, settings: MediaSettings) -> None:
        self._settings, self._layout = settings, _Layout.of(settings)
        self._memory = mmap.mmap(file, self._layout.pictures_at + MEMORY_BUDGET)
        self.spans: tuple[Span, ...] = ()

    def expect(self, size: int) -> None:
        """Have at hand so many bytes for pictures, which are there: a page at a time takes longer."""
        if size:
            with contextlib.suppress(OSError):  # of a kernel that does not know it
                self._memory.madvise(_POPULATE_WRITE, self._layout.pictures_at, size)

    @property
    def pictures(self) -> Spill:
        """Hands out the memory for pictures, from its beginning."""
        return _Handed(self._memory, self._layout.pictures_at)

    @property
    def document(self) -> memoryview:
        """The document behind its length, as it is in memory."""
        return memoryview(self._memory)[:_DOCUMENT]

    def close(self) -> bool:
        """Give the memory back; false where somebody still looks at what is in it."""
        try:
            self._memory.close()
        except BufferError:
            return False
        return True

    def wipe(self, spans: Sequence[Span]) -> None:
        """Leave nothing in some places."""
        for start, size in spans:
            np.frombuffer(self._memory, np.uint8, size, start)[:] = 0

    def put(self, plain: Plain) -> bool:
        """Leave what came out of a clip, its pictures in :attr:`pictures`; false where there is no room for it."""
        run = plain.run
        assert run.frames is not None
        document = json.dumps(
            {
                "size": [run.frames.width, run.frames.height], "frames": len(run.frames), "samples": len(run.sound),
                "start": run.sound_start, "listed": plain.listed, "kind": plain.kind,
            }
        ).encode()  # fmt: skip
        if len(document) > _DOCUMENT - _LENGTH or len(run.sound) > self._layout.samples:
            return False
        self._times(len(run.times))[:] = run.times
        self._sound(len(run.sound))[:] = run.sound
        self._memory[:_LENGTH] = len(document).to_bytes(_LENGTH, "little")
        self._memory[_LENGTH : _LENGTH + len(document)] = document
        return True

    def take(self) -> Plain:
        """What was left. Whoever left it must be gone, for nothing that was looked at may change afterwards.

        Raises:
            ValueError: it is not what a decoder leaves.
        """
        length = int.from_bytes(self._memory[:_LENGTH], "little")
        if not 0 < length <= _DOCUMENT - _LENGTH:
            raise ValueError("no document")
        document = json.loads(self._memory[_LENGTH : _LENGTH + length])
        if not isinstance(document, dict):
            raise ValueError("the document is no object")
        width, height = _numbers(document.get("size"), 2, 2, _MOST_SIDE)
        count, samples = _numbers([document.get("frames"), document.get("samples")], 2, 0, 1 << 31)
        start, listed = document.get("start"), document.get("listed")
        if width % 2 or height % 2 or not 2 <= count <= self._layout.times or samples > self._layout.samples:
            raise ValueError("the numbers of the document")
        if not isinstance(start, float) or not abs(start) < _MOST_SECONDS or not isinstance(listed, str):
            raise ValueError("the start of the sound or the listing")
        times = self._times(count).copy()
        if not (np.abs(times) < _MOST_SECONDS).all() or (np.diff(times) < 0).any():
            raise ValueError("the times")
        frames = Frames.found(width, height, count, self.pictures)
        self.spans = (
            (0, _DOCUMENT), (_DOCUMENT, 8 * count), (self._layout.sound_at, 2 * samples),
            (self._layout.pictures_at, count * frames.stride),
        )  # fmt: skip
        report = FileReport(read_listing(listed))
        run = FfmpegRun(frames, times, self._sound(samples).copy(), start, report, 0)
        return Plain(run, listed, self._kind(document.get("kind")))

    def _kind(self, said: Any) -> Kind:
        if not isinstance(said, list) or len(said) != len(Kind._fields) or not isinstance(said[2], str):
            raise ValueError("the kind of the pictures")
        width, height, colorspace, color_range = _numbers([*said[:2], *said[3:]], 4, 0, _MOST_SIDE)
        if width * height > self._settings.max_pixels or max(colorspace, color_range) > _MOST_NUMBER:
            raise ValueError("the kind of the pictures")
        return Kind(width, height, said[2][:32], colorspace, color_range)

    def _times(self, count: int) -> np.ndarray:
        return np.frombuffer(self._memory, np.float64, count, _DOCUMENT)

    def _sound(self, count: int) -> np.ndarray:
        return np.frombuffer(self._memory, np.int16, count, self._layout.sound_at)


class Memory:
    """The memory of one room after the other: of a clip that nobody looks at any more it is wiped and taken again.

    Args:
        settings: of all clips.
    """

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self._file, self._room = -1, None  # type: int, Room | None

    def next(self) -> tuple[int, int, Room]:
        """A descriptor for the next decoder, the bytes for pictures that are there already, and the room."""
        room, self._room = self._room, None
        spans = room.spans if room is not None else ()
        if room is not None and not (room.close() and self._as_left(spans)):
            self.drop()
            spans = ()
        if self._file < 0:
            self._file = _new_memory(_Layout.of(self._settings).pictures_at + MEMORY_BUDGET)
        self._room = Room(self._file, self._settings)
        self._room.wipe(spans)
        return self._file, spans[-1][1] if spans else 0, self._room

    def drop(self) -> None:
        """Keep none."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _as_left(self, spans: Sequence[Span]) -> bool:
        """Whether nothing was written but what was said, and not so much that it is not kept."""
        there = os.fstat(self._file).st_blocks * 512
        return there <= sum(size for _, size in spans) + 2 * mmap.PAGESIZE * len(spans) and there <= _KEPT


def _new_memory(size: int) -> int:
    """The descriptor of empty memory of a size that nobody can change any more."""
    file = os.memfd_create("affekt-clip", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(file, size)
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(file)
        raise
    return file


class _Handed(Spill):
    """Memory of others, one piece behind the other."""

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        super().__init__(MEMORY_BUDGET)
        self._memory, self._at = memory, start

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """As :meth:`affekt.media.frames.Spill.array`; a :class:`ValueError` where there is too little."""
        size = int(np.prod(shape, dtype=np.int64))
        piece = np.frombuffer(self._memory, np.uint8, size, self._at)
        self._at += size
        return piece.reshape(shape)


def _numbers(said: Any, count: int, least: int, most: int) -> list[int]:
    if not isinstance(said, list) or len(said) != count or any(type(number) is not int for number in said):
        raise ValueError("the numbers of the document")
    if not all(least <= number <= most for number in said):
        raise ValueError("the numbers of the document")
    return said
