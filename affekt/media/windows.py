"""A long video in windows of a few seconds, each a clip of its own that is prepared as any other."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from affekt.counted import counted
from affekt.errors import MediaError
from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.ffmpeg_start import ENVIRONMENT, limited
from affekt.media.movie_index import edits_as_meant
from affekt.media.probe import CONTAINERS, MediaInfo
from affekt.media.stamped import Stamped, stamped
from affekt.settings import MediaSettings

#: Windows of one video: a day of it in windows of ten seconds.
MAX_WINDOWS = 8640
#: A rest shorter than this share of a window belongs to the window before it.
_REST = 0.25
#: Bytes of the file of a window.
_WINDOW_BYTES = 8 << 30
#: Height of the pictures in a window, pixels; twice what the search for faces looks at.
_HEIGHT = 720
#: The form of samples of the codecs that have another one than 16 bits.
_SAMPLES = {"pcm_f32le": "flt"}
#: Pictures and sounds of a video that are tried where one that counts cannot be decoded.
_MOST_TRIED = 3
#: Containers without an index, in which pictures are there from the next whole one on, and seconds that lie between
#: two of those at most.
_NO_INDEX, _BETWEEN_WHOLE = ("mpegts", "mpeg"), 12.0


@dataclass(frozen=True)
class Window:
    """A part of a video.

    Attributes:
        start: seconds of the video.
        end: likewise.
        file: with the part alone, or the video itself; it is there while the window is at hand.
        sizes: width and height of the video's pictures, where those of the file may be smaller.
    """

    start: float
    end: float
    file: Path
    sizes: tuple[tuple[int, int], ...] = ()

    def scale(self, width: int, height: int) -> float:
        """Pixels of the video a side for each of the file's, whose picture has this size."""
        if not (width and height):
            return 1.0
        fitting = [size for size in self.sizes if min(size[1], _HEIGHT) == height] or self.sizes[:1]
        return math.sqrt(fitting[0][0] * fitting[0][1] / (width * height)) if fitting else 1.0


def windows_of(path: str | Path, every: float, settings: MediaSettings) -> Iterator[Window]:
    """The windows of a video, one after the other; the file of each is removed when the next is asked for.

    The only window of a video is the video itself, as it is decoded where it is answered whole, unless that would be
    refused for its size. The whole may be longer than ``media.max_seconds``: only a window must not be.

    Args:
        path: of the video.
        every: length of a window, seconds.
        settings: what a window must keep to.

    Raises:
        MediaError: the file cannot be read or does not tell its length, or there would be too many windows, or
            windows that are too long.
    """
    path = Path(path)
    with stamped(path, settings) as video:
        bounds = _bounds(path, video.info, every, settings)
        small = all(width * height <= settings.max_pixels for width, height in video.info.sizes)
        if len(bounds) == 1 and small and path.stat().st_size <= settings.max_bytes:
            yield Window(*bounds[0], path)
            return
        for start, end in bounds:
            with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
                file = Path(folder, "window.mkv")
                _cut(video, start, end - start, file, settings.timeout_seconds)
                yield Window(start, end, file, video.info.sizes)


def bounds_of(path: Path, every: float, settings: MediaSettings) -> list[tuple[float, float]]:
    """From when to when each window of a video is, seconds; arguments and errors as for :func:`windows_of`."""
    with stamped(path, settings) as video:
        return _bounds(path, video.info, every, settings)


def _bounds(path: Path, info: MediaInfo, every: float, settings: MediaSettings) -> list[tuple[float, float]]:
    if not 0.5 <= every <= settings.max_seconds:
        raise MediaError(
            f"expected windows of 0.5 to {settings.max_seconds:g} s (media.max_seconds), got {every:g}",
            code="bad_window",
        )
    length = info.duration
    if not length:
        raise MediaError("does not tell how long it is; answer it without windows", code="no_length", where=str(path))
    count = max(1, int(length / every + (1 - _REST)))
    if count > MAX_WINDOWS:
        raise MediaError(
            f"would be {counted(count, 'windows')} of {every:g} s; at most {MAX_WINDOWS} are answered at "
            "once: choose longer ones",
            code="too_many_windows",
            where=str(path),
        )
    starts = [number * every for number in range(count)]
    return [(start, end) for start, end in zip(starts, [*starts[1:], length], strict=True)]


def _cut(video: Stamped, start: float, seconds: float, file: Path, timeout: float) -> None:
    """Write a part of a video: all its pictures and sounds, since a clip is made of the ones that move and speak."""
    info = video.info
    chosen = tuple(f"0:{number}" for number in (info.video_stream, info.sound_stream) if number >= 0)
    several = ("0:V?", "0:a?") if info.videos > 1 or info.sounds > 1 else chosen
    # Floating point numbers beyond full scale would be cut off there.
    best = "pcm_f32le" if info.audio_codec.startswith("pcm_f") else "flac"
    # One of the others cannot be decoded, perhaps, or one of the chosen; and FLAC, which alone tells the places of
    # channels, holds eight.
    numbers = [
        [f"0:{kind}:{n}" for n in range(min(count, _MOST_TRIED))] or [""]
        for kind, count in (("V", info.videos), ("a", info.sounds))
    ]
    each = [(tuple(filter(None, pair)), "flac") for pair in product(*numbers)] if several != chosen else []
    reason = ""
    for streams, codec in dict.fromkeys(((several, best), (chosen, best), (chosen, "pcm_s16le"), *each)):
        reason = _written(video, streams, codec, start, seconds, file, timeout)
        if not reason:
            return
    raise MediaError(
        f"the part from {start:g} s on cannot be decoded ({reason})", code="unreadable", where=str(video.path)
    )


def _written(
    video: Stamped, streams: tuple[str, ...], codec: str, start: float, seconds: float, file: Path, timeout: float
) -> str:
    """Write some streams of a part; why that was not possible, or nothing."""
    info = video.info
    # Before the first whole picture there may be sound, which is lost when that picture is sought.
    sought = start if not info.container.startswith(_NO_INDEX) else max(0.0, start - _BETWEEN_WHOLE)
    command = [
        *(ffmpeg_binary(), "-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file"),
        *("-format_whitelist", CONTAINERS),
        *(("-ss", f"{sought:.3f}") if sought else ()),
        *(word for name, value in edits_as_meant(video.file).items() for word in (f"-{name}", value)),
        *("-i", f"file:{video.file.absolute()}"),
        *(("-ss", f"{start - sought:.3f}") if start > sought else ()),
        *("-t", f"{seconds:.3f}"),
        *(word for stream in streams for word in ("-map", stream)),
        *("-vf", f"scale=-2:'min(ih,{_HEIGHT})'") * (info.video_stream >= 0),
        *("-c:v", "ffv1", "-c:a", codec, "-sample_fmt", _SAMPLES.get(codec, "s16"), "-threads", "1", f"file:{file}"),
    ]
    try:
        done = subprocess.run(
            limited(command, timeout, _WINDOW_BYTES), env=ENVIRONMENT, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"the part from {start:g} s on was not decoded within {timeout:g} s", code="timeout", where=str(video.path)
        ) from error
    if done.returncode or not file.is_file():
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no reason given"
    return ""
