"""A long video in windows of a few seconds, each a clip of its own that is prepared as any other."""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affekt.counted import counted
from affekt.errors import MediaError
from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.ffmpeg_start import ENVIRONMENT, limited
from affekt.media.probe import CONTAINERS, MediaInfo, probe
from affekt.settings import MediaSettings

#: Windows of one video: a day of it in windows of ten seconds.
MAX_WINDOWS = 8640
#: A rest shorter than this share of a window belongs to the window before it.
_REST = 0.25
#: Bytes of the file of a window.
_WINDOW_BYTES = 8 << 30
#: Height of the pictures in a window, pixels; twice what the search for faces looks at.
_HEIGHT = 720


@dataclass(frozen=True)
class Window:
    """A part of a video.

    Attributes:
        start: seconds of the video.
        end: likewise.
        file: with the part alone; it is there while the window is at hand.
        pixels: of the video's picture, width times height; 0 without a picture. That of the file may be smaller.
    """

    start: float
    end: float
    file: Path
    pixels: int = 0

    def scale(self, width: int, height: int) -> float:
        """Pixels of the video a side for each of the file's, whose picture has this size."""
        return math.sqrt(self.pixels / (width * height)) if self.pixels and width and height else 1.0


def windows_of(path: str | Path, every: float, settings: MediaSettings) -> Iterator[Window]:
    """The windows of a video, one after the other; the file of each is removed when the next is asked for.

    The whole may be longer than ``media.max_seconds``: only a window must not be.

    Args:
        path: of the video.
        every: length of a window, seconds.
        settings: what a window must keep to.

    Raises:
        MediaError: the file cannot be read or does not tell its length, or there would be too many windows, or
            windows that are too long.
    """
    path = Path(path)
    info = probe(path)
    bounds = _bounds(path, info, every, settings)
    for start, end in bounds:
        with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
            file = Path(folder, "window.mkv")
            _cut(path, info, start, end - start, file, settings.timeout_seconds)
            yield Window(start, end, file, info.width * info.height)


def bounds_of(path: Path, every: float, settings: MediaSettings) -> list[tuple[float, float]]:
    """From when to when each window of a video is, seconds; arguments and errors as for :func:`windows_of`."""
    return _bounds(path, probe(path), every, settings)


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


def _cut(path: Path, info: MediaInfo, start: float, seconds: float, file: Path, timeout: float) -> None:
    streams = [number for number in (info.video_stream, info.sound_stream) if number >= 0]
    command = [
        *(ffmpeg_binary(), "-v", "error", "-nostdin", "-y", "-protocol_whitelist", "file"),
        *("-format_whitelist", CONTAINERS, "-ss", f"{start:.3f}", "-t", f"{seconds:.3f}"),
        *("-i", f"file:{path.absolute()}"),
        *(word for number in streams for word in ("-map", f"0:{number}")),
        *("-vf", f"scale=-2:'min(ih,{_HEIGHT})'") * (info.video_stream >= 0),
        *("-c:v", "ffv1", "-c:a", "pcm_s16le", "-threads", "1", f"file:{file}"),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            limited(command, timeout, _WINDOW_BYTES), env=ENVIRONMENT, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MediaError(
            f"the part from {start:g} s on was not decoded within {timeout:g} s", code="timeout", where=str(path)
        ) from error
    if done.returncode or not file.is_file():
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no reason given"]
        raise MediaError(
            f"the part from {start:g} s on cannot be decoded ({reason[0]})", code="unreadable", where=str(path)
        )
