"""Pauses that the edit list of an MP4 or QuickTime file makes between parts of a track: ffmpeg fills them otherwise."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from affekt.media.ffmpeg_run import FfmpegRun

_MOST_BYTES = 64 << 20
#: Seconds that a picture's time and the edge of a pause may differ and be the same.
_SLACK = 1e-3
_Pauses = dict[int, list[tuple[float, float]]]


def without_pauses(path: Path, result: FfmpegRun, video: int | None, sound: int | None, sample_rate: int) -> FfmpegRun:
    """A run without what ffmpeg shows and plays in pauses: the beginning of the track once more.

    Args:
        path: of the file.
        result: of the run over it.
        video, sound: the numbers of the streams that were decoded.
        sample_rate: of the sound, Hz.
    """
    found = pauses(path)
    start = max(0.0, result.report.listing.start)
    seen, heard = (
        [(a - start, b - start) for a, b in (found.get(number, ()) if number is not None else ())]
        for number in (video, sound)
    )
    if seen and result.frames is not None:
        shown = [n for n, t in enumerate(result.times) if not any(a - _SLACK <= t < b - _SLACK for a, b in seen)]
        if shown:
            result.frames.keep(shown)
            result = replace(result, times=result.times[shown])
    if heard and result.sound.size:
        samples = result.sound.copy()
        for edges in heard:
            first, last = (max(0, round((edge - result.sound_start) * sample_rate)) for edge in edges)
            samples[first:last] = 0
        result = replace(result, sound=samples)
    return result


def pauses(path: Path) -> _Pauses:
    """From when to when each track of a file pauses after it has begun, seconds; nothing of another kind of file."""
    try:
        with path.open("rb") as file:
            if file.read(8)[4:] != b"ftyp":
                return {}
            size = path.stat().st_size
            position = 0
            while position + 8 <= size:
                file.seek(position)
                head = file.read(16)
                length = int.from_bytes(head[:4], "big")
                if length == 1:
                    length = int.from_bytes(head[8:16], "big")
                if head[4:8] == b"moov" and length <= _MOST_BYTES:
                    file.seek(position)
                    return _of_movie(file.read(length))
                if length < 8:
                    return {}
                position += length
    except (OSError, struct.error):
        pass
    return {}


def _of_movie(movie: bytes) -> _Pauses:
    scale, found = 0, {}
    track = 0
    for name, body in _children(movie[8:]):
        if name == b"mvhd":
            scale = int.from_bytes(body[20:24] if body[0] else body[12:16], "big")
        if name == b"trak":
            edits = next((part for kind, part in _children(body) if kind == b"edts"), b"")
            entries = next((part for kind, part in _children(edits) if kind == b"elst"), b"")
            if scale and entries and (between := _between(entries, scale)):
                found[track] = between
            track += 1
    return found


def _between(entries: bytes, scale: int) -> list[tuple[float, float]]:
    form = struct.Struct(">QqI" if entries[0] else ">IiI")
    count = min(int.from_bytes(entries[4:8], "big"), (len(entries) - 8) // form.size)
    time, begun, found = 0.0, False, []
    for number in range(count):
        length, media, _ = form.unpack_from(entries, 8 + number * form.size)
        end = time + length / scale
        if media != -1:
            begun = True
        elif begun:
            found.append((time, end))
        time = end
    return found


def _children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in the content of another: the name and the content of each."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length < 8:
            return
        yield data[position + 4 : position + 8], data[position + 8 : position + length]
        position += length
