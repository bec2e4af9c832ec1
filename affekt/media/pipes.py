"""The pipes that ffmpeg writes to, each read to its end so that it never waits: bytes, pictures, time stamps."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from typing import IO

import numpy as np

from affekt.media.frames import MARKER, Frames, Spill
from affekt.media.listing import MAX_FRAME_RATE

#: Decoded pictures of one clip, bytes; longer clips are decoded again, smaller.
MAX_PICTURE_BYTES = 4 << 30
_PIPE_BYTES = 1 << 20
#: Frames a second where a file says nothing of them that can be believed.
USUAL_FRAME_RATE = 25.0
#: Seconds by which the order of decoding is ahead of that of showing, at most.
_REORDERING = 0.25
#: Seconds by which no time stamp lies before the latest within one recording.
_AGAIN = 1.0
_NO_STAMP = -(1 << 62)
#: A stream of an AU file: its head, and where in it the number of channels stands.
_AU, _AU_HEAD, _AU_ENCODING, _AU_CHANNELS = b".snd", 24, 12, 20
_AU_FLOATS = 6
#: The share of samples that may lie beyond full scale, as after another sampling rate, and are cut off there.
_CLIPPED = 1e-4


def open_pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    """The reading and the writing end of a new pipe, closed with the stack."""
    reading, writing = os.pipe()
    ends = (os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0))
    for end in ends:
        stack.enter_context(end)
    return ends


class Drain(threading.Thread):
    """Reads a pipe to its end, keeping the first and the last bytes, so that no writer ever blocks on it.

    Args:
        pipe: to read.
        head: how many of the first bytes are kept.
        tail: how many of the last.
        watch: is given the first bytes each time there are more of them, until it returns true.
    """

    def __init__(self, pipe: IO[bytes], head: int, tail: int = 0, watch: Callable[[bytes], bool] | None = None) -> None:
        super().__init__(daemon=True)
        self._pipe, self._head, self._tail, self._watch = pipe, head, tail, watch
        self._first, self._last = bytearray(), bytearray()
        self.start()

    def run(self) -> None:
        while data := self._pipe.read(65536):
            room = self._head - len(self._first)
            self._first += data[:room]
            if self._tail:
                self._last = (self._last + data[room:])[-self._tail :]
            if self._watch is not None and self._watch(bytes(self._first)):
                self._watch = None

    def data(self) -> bytes:
        return bytes(self._first)

    def text(self) -> str:
        return (self._first + self._last).decode("utf-8", "replace")


def read_frames(
    pipe: IO[bytes], arrived: Callable[[Frames], None] = lambda frames: None
) -> tuple[Frames | None, bool, bool]:
    """The pictures of a YUV4MPEG2 stream, whether their size changed on the way, and whether they were too many.

    Args:
        pipe: to read.
        arrived: is called each time when there are more of them.
    """
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    header = b""
    while b"\n" not in header:
        data = pipe.read(4096) if len(header) < 4096 else b""
        if not data:
            return None, False, False
        header += data
    line, _, rest = header.partition(b"\n")
    fields = {word[:1]: word[1:] for word in line.split()[1:]}
    frames = Frames(int(fields[b"W"]), int(fields[b"H"]), Spill())
    while True:
        room = frames.room()
        filled = min(len(rest), len(room))  # several tiny pictures may have come with the header
        room[:filled], rest = rest[:filled], rest[filled:]
        start, more = 0, 1
        while more:
            before = start
            while filled - start >= frames.stride:
                if room[start : start + len(MARKER)] != MARKER:
                    return frames, True, False
                frames.count += 1
                start += frames.stride
            if start > before:
                arrived(frames)
            more = pipe.readinto(room[filled:]) if filled < len(room) else 0  # type: ignore[attr-defined]
            filled += more
        if filled < len(room):
            return frames, False, False
        if frames.count * frames.stride > MAX_PICTURE_BYTES:
            return frames, False, True


def channels_of(au: bytes) -> np.ndarray:
    """The samples of an AU stream, int16 ``[n, C]``; what is cut off at its end is left out.

    Floating point numbers beyond full scale, as where whole numbers were written as such, are brought back to it.
    """
    if len(au) < _AU_HEAD or not au.startswith(_AU):
        return np.zeros((0, 1), np.int16)
    start = int.from_bytes(au[4:8], "big")
    count = int.from_bytes(au[_AU_CHANNELS : _AU_CHANNELS + 4], "big")
    floats = int.from_bytes(au[_AU_ENCODING : _AU_ENCODING + 4], "big") == _AU_FLOATS
    kind = np.dtype(">f4" if floats else ">i2")
    values = np.frombuffer(au, kind, max(0, len(au) - start) // kind.itemsize // count * count, start)
    return (_in_scale(values) if floats else values).reshape(-1, count).astype(np.int16)


def _in_scale(values: np.ndarray) -> np.ndarray:
    """Samples as numbers of 16 bits, the loudest at full scale at most; what is none is silence."""
    known = np.where(np.isfinite(values), values, 0.0).astype(np.float64)
    loudest = float(np.quantile(np.abs(known), 1 - _CLIPPED)) if known.size else 0.0
    scaled: np.ndarray = np.clip(np.rint(known * (32768 / max(1.0, loudest))), -32768, 32767)
    return scaled


def stamp_of(line: str) -> tuple[float, bool] | None:
    """Seconds, and whether the file itself has that time stamp, of ffmpeg's line ``pts timebase pts-of-the-file``.

    None where there is no time stamp. What ffmpeg puts in the place of one that the file does not have follows from
    the order of decoding.
    """
    parts = line.replace("/", " ").split()
    if len(parts) == 4:
        with contextlib.suppress(ValueError, ZeroDivisionError):
            value = int(parts[0]) * int(parts[1]) / int(parts[2])
            if abs(value) < 1e6:
                return value, int(parts[3]) > _NO_STAMP
    return None


def stamps_of(text: str, count: int) -> list[tuple[float, bool] | None]:
    """The time stamps of ``count`` frames, by ffmpeg's lines of :func:`stamp_of`."""
    return [stamp_of(line) for line in text.splitlines()[:count]]


def going_on(stamps: Sequence[tuple[float, bool] | None], count: int) -> list[int]:
    """The numbers of the frames but those from a time stamp far before the latest on, until that is reached again.

    Where a file was written behind another, the second begins at zero anew. Its sound is heard from where the first
    has ended, and its pictures are seen from there.
    """
    kept: list[int] = []
    latest, behind = -np.inf, False
    for number in range(count):
        stamp = stamps[number] if number < len(stamps) else None
        if stamp is not None:
            behind = stamp[0] <= latest - (0.0 if behind else _AGAIN)
            latest = max(latest, stamp[0])
        if not behind:
            kept.append(number)
    return kept


def times_at(
    stamps: Sequence[tuple[float, bool] | None], count: int, frame_rate: float, step: int = 1, heard: float = 0.0
) -> np.ndarray:
    """The times of ``count`` frames, float64, seconds, never decreasing, from their time stamps as of :func:`stamp_of`.

    Of ``step`` frames of the file one is there. What has no time stamp follows at the stated rate. Frames that come
    faster than :data:`MAX_FRAME_RATE` may have stamps that mean something else, and follow at the stated rate, too,
    unless they are as long as the sound beside them (``heard``, seconds) by their stamps rather than so; without a
    sound (0), unless the file itself has all stamps.
    """
    period = step / (frame_rate or USUAL_FRAME_RATE)
    stamps = [*stamps, *[None] * (count - len(stamps))]
    first = next((number for number, stamp in enumerate(stamps) if stamp is not None), 0)
    known = stamps[first] if stamps else None
    start = known[0] - first * period if known else 0.0
    if not any(stamp and stamp[1] for stamp in stamps) and 0 < start < _REORDERING:
        start = 0.0  # the delay of pictures that are decoded in another order than shown, as in AVI
        stamps = [stamp and (stamp[0] - (known[0] if known else 0.0), False) for stamp in stamps]
    times = np.empty(count, np.float64)
    latest = start - period
    for number, stamp in enumerate(stamps):
        latest = max(latest, stamp[0] if stamp and number >= first else latest + period)
        times[number] = latest
    length, usual = times[-1] - times[0] if count else 0.0, period * (count - 1)
    if count < 2 or length >= 0.999 * step * (count - 1) / MAX_FRAME_RATE:
        return times
    own = all(stamp and stamp[1] for stamp in stamps)
    meant = abs(length - heard) < abs(usual - heard) if heard else own and length > 0
    return times if meant else start + period * np.arange(count)
