"""Decodes a clip file within limits: pictures, their times, 16 kHz sound, in one run of ffmpeg where that will do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.errors import MediaError
from affekt.media.ffmpeg_log import FileReport
from affekt.media.ffmpeg_run import MAX_PICTURE_BYTES, FfmpegRun, max_pixels, picture_side, run_ffmpeg
from affekt.media.frames import Frames, Spill
from affekt.media.probe import is_truncated
from affekt.settings import MediaSettings


@dataclass(frozen=True)
class Decoded:
    """Pictures and sound of a clip.

    Attributes:
        frames: the T pictures, in the order in which they are shown.
        times: float32 ``[T]``, seconds from the start of the clip, never decreasing.
        sound: int16 ``[n]``, mono at the settings' sample rate; empty without sound.
        report: what the file says about itself.
        truncated: the file ends before the length that it states.
        missing_seconds: what is missing then, as far as the file says.
    """

    frames: Frames
    times: np.ndarray
    sound: np.ndarray
    report: FileReport
    truncated: bool
    missing_seconds: float


def decode(path: str | Path, settings: MediaSettings) -> Decoded:
    """Decode one file.

    Pictures keep their own times (variable frame rates stay variable), are turned as the file says, have square pixels
    and are never enlarged. Nothing but this one file can be opened, whatever it contains: ffmpeg gets it as an open
    descriptor.

    Raises:
        MediaError: ``missing``, ``empty``, ``too_large``, ``too_long``, ``too_many_pixels``, ``unreadable``,
            ``no_streams`` or ``timeout``.
    """
    path = Path(path)
    _check_file(path, settings)
    deadline = time.monotonic() + settings.timeout_seconds
    result = run_ffmpeg(path, settings, deadline)
    if result.overflow:
        shrink = 0.9 * (MAX_PICTURE_BYTES / _expected_bytes(result)) ** 0.5
        result = run_ffmpeg(path, settings, deadline, side=max(64, int(picture_side(settings) * shrink)))
        if result.overflow:
            raise _error(path, "too_long", f"decodes to more than {MAX_PICTURE_BYTES >> 30} GiB of pictures; cut it")
    if result.changed_size and result.frames is not None:
        result = run_ffmpeg(path, settings, deadline, size=(result.frames.width, result.frames.height))
    if result.frames is None and not result.sound.size:
        result = _run_apart(path, settings, deadline, result)
    return _within_limits(path, settings, result)


def _check_file(path: Path, settings: MediaSettings) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _error(path, "missing", f"cannot be opened ({error.strerror}); check the path") from error
    if not path.is_file():
        raise _error(path, "missing", "is not a regular file; expected a media file")
    if size == 0:
        raise _error(path, "empty", "is empty; expected a media file")
    if size > settings.max_bytes:
        limit = f"media.max_bytes is {settings.max_bytes}"
        raise _error(
            path, "too_large", f"has {counted(size, 'bytes')}, {limit}; cut or compress it, or raise the limit"
        )


def _error(path: Path, code: str, message: str) -> MediaError:
    return MediaError(message, code=code, where=str(path))


def _expected_bytes(result: FfmpegRun) -> float:
    report, frames = result.report, result.frames
    assert frames is not None
    stated = report.duration * report.frame_rate * frames.stride
    return max(stated, 2.0 * MAX_PICTURE_BYTES)


def _run_apart(path: Path, settings: MediaSettings, deadline: float, failed: FfmpegRun) -> FfmpegRun:
    """Picture and sound each on its own, where the file lacks one or one of the two cannot be decoded."""
    report = failed.report
    if not (report.has_video or report.has_sound):
        reason = report.complaint or "no video and no sound in it"
        code = "no_streams" if report.duration else "unreadable"
        raise _error(path, code, f"is not a readable media file ({reason}); convert it to MP4 with H.264 and AAC")
    nothing = FfmpegRun(None, np.empty(0, np.float32), np.empty(0, np.int16), report, failed.exit_code)
    picture = run_ffmpeg(path, settings, deadline, with_sound=False) if report.has_video else nothing
    sound = run_ffmpeg(path, settings, deadline, with_video=False) if report.has_sound else nothing
    if picture.changed_size and picture.frames is not None:
        picture = run_ffmpeg(
            path, settings, deadline, with_sound=False, size=(picture.frames.width, picture.frames.height)
        )
    told = picture.report if report.has_video else sound.report
    return FfmpegRun(picture.frames, picture.times, sound.sound, told, picture.exit_code or sound.exit_code)


def _within_limits(path: Path, settings: MediaSettings, result: FfmpegRun) -> Decoded:
    """The result of a run with the limits applied, or the error that it amounts to."""
    report = result.report
    allowed = max_pixels(path, settings)
    if allowed < report.width * report.height:
        found = f"has pictures of {report.width}x{report.height}"
        raise _error(path, "too_many_pixels", f"{found}, media.max_pixels allows {allowed}; scale it down")
    frames, times = result.frames, result.times
    if frames is None and not result.sound.size:
        if "max pixel count" in report.complaint or "exceeds" in report.complaint:
            raise _error(path, "too_many_pixels", f"{report.complaint}; scale it down or raise media.max_pixels")
        reason = report.complaint or "it holds no picture and no sound that can be decoded"
        raise _error(path, "unreadable", f"cannot be decoded ({reason}); convert it to MP4 with H.264 and AAC")
    period = 1 / report.frame_rate if report.frame_rate else 0.04
    seconds = max(float(times[-1]) + period if len(times) else 0.0, len(result.sound) / settings.sample_rate)
    stated = max(seconds, report.duration if frames is None or len(frames) > 1 or result.sound.size else 0.0)
    if stated > settings.max_seconds + 1e-3:
        raise _error(path, "too_long", f"lasts {stated:.1f} s, media.max_seconds is {settings.max_seconds:g}; cut it")
    if frames is None:
        frames = Frames(2, 2, Spill())  # none of them
    elif report.width:
        frames.source_width, frames.source_height = report.width, report.height
    missing = max(0.0, report.duration - seconds)
    truncated = missing > max(0.25, 0.1 * report.duration) or is_truncated(path)
    return Decoded(frames, times, result.sound, report, truncated, missing if truncated else 0.0)
