"""Decodes a clip file within limits: pictures, their times, 16 kHz sound, in one run of ffmpeg where that will do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.errors import MediaError
from affekt.media.downmix import downmix
from affekt.media.edit_lists import without_pauses
from affekt.media.ffmpeg_command import max_pixels
from affekt.media.ffmpeg_log import FileReport
from affekt.media.ffmpeg_run import FfmpegRun, run_ffmpeg
from affekt.media.frame_rate import shown_until
from affekt.media.frames import Frames, Spill
from affekt.media.limits import check_file, refusal, too_long
from affekt.media.listing import JUMPING, Listing
from affekt.media.movie_index import ENCRYPTED, edited_away
from affekt.media.probe import is_truncated
from affekt.media.pyav import run_pyav
from affekt.media.runs import MOST_STREAMS, Runs, Streams
from affekt.settings import MediaSettings

_SLACK = 1e-3


@dataclass(frozen=True)
class Decoded:
    """Pictures and sound of a clip.

    Attributes:
        frames: the T pictures, in the order in which they are shown, some 30 a second at most.
        times: float32 ``[T]``, seconds from the start of the clip, never decreasing.
        sound: int16 ``[n]``, mono at the settings' sample rate, from the start of the clip; empty without sound.
        report: what the file says about itself.
        truncated: the file ends before the length that it states.
        missing_seconds: what is missing then, as far as the file says.
        seconds: from the start of the clip to the end of its last picture or of its sound.
        other_sounds: numbers of the file's further sounds, for :func:`decode_sound`.
        zero: the start of the clip, in seconds since the earliest time stamp of the file.
        several_channels: the number of the sound that was decoded, where it has several channels.
        apart: those channels hold sounds that have nothing in common.
    """

    frames: Frames
    times: np.ndarray
    sound: np.ndarray
    report: FileReport
    truncated: bool
    missing_seconds: float
    seconds: float = 0.0
    other_sounds: tuple[int, ...] = ()
    zero: float = 0.0
    several_channels: int | None = None
    apart: bool = False


def decode(
    path: str | Path,
    settings: MediaSettings,
    ends: float | None = None,
    arrived: Callable[[Frames], None] = lambda frames: None,
) -> Decoded:
    """Decode one file.

    Of several pictures or sounds the default one is taken; where it is black or a still, the first that moves. Streams
    keep their start times against each other: the clip starts with the earlier of the two, and a sound that starts
    later is silent until then. Pictures keep their own times (variable frame rates stay variable), are turned as the
    file says, have square pixels and are never enlarged. Of a clip with more than 30 a second every n-th is
    kept (:mod:`affekt.media.frame_rate`). Nothing but this one file can be opened, whatever it contains:
    ffmpeg gets it as an open descriptor. What is longer or larger than allowed by its own word is not decoded.

    Args:
        path: of the file.
        settings: the limits, the size of pictures and the sample rate.
        ends: when the time is over, by :func:`time.monotonic`; after ``media.timeout_seconds`` where not given.
        arrived: is called with what has been decoded each time when there are more pictures of it; they may be given
            up for others in the end.

    Raises:
        MediaError: ``missing``, ``empty``, ``too_large``, ``too_long``, ``too_many_pixels``, ``unreadable``,
            ``no_streams`` or ``timeout``.
    """
    path = Path(path)
    check_file(path, settings)
    deadline = time.monotonic() + settings.timeout_seconds if ends is None else ends
    streams = Streams()
    result = run_pyav(path, settings, deadline) or run_ffmpeg(
        path, settings, deadline,
        agreed=lambda listing: _allowed(path, settings, listing) is None
        and streams.in_file(listing) == Streams.wanted(listing)
        and streams.step(listing) == 1,
        arrived=arrived,
    )  # fmt: skip
    refused = _allowed(path, settings, result.report.listing)
    if refused is not None:
        raise refused
    if result.stopped:
        streams = Streams.wanted(result.report.listing)
        step = streams.step(result.report.listing)
        result = run_ffmpeg(
            path, settings, deadline, video=streams.video, sound=streams.sound, step=step, arrived=arrived
        )
    result, streams = Runs(path, settings, deadline, arrived).completed(result, streams)
    here = streams.in_file(result.report.listing)
    result = without_pauses(path, result, here.video, here.sound, settings.sample_rate)
    return _within_limits(path, settings, here, result)


def decode_sound(
    path: str | Path, settings: MediaSettings, stream: int, zero: float = 0.0, ends: float | None = None
) -> np.ndarray:
    """One sound of a file alone, int16 ``[n]`` as in :class:`Decoded`.

    Args:
        path: of the file.
        settings: the limits and the sample rate.
        stream: its number in the file.
        zero: the start of the clip, in seconds since the earliest time stamp of the file.
        ends: as for :func:`decode`.

    Raises:
        MediaError: ``timeout``, or ``too_long``.
    """
    path = Path(path)
    deadline = time.monotonic() + settings.timeout_seconds if ends is None else ends
    run = run_ffmpeg(path, settings, deadline, video=None, sound=stream)
    return _placed(run.sound, run.sound_start - zero, settings)


def decode_channels(
    path: str | Path, settings: MediaSettings, stream: int, zero: float = 0.0, ends: float | None = None
) -> list[np.ndarray]:
    """Each channel of one sound of a file, as :func:`decode_sound` gives what it makes of all; the arguments are too.

    Raises:
        MediaError: ``timeout``, or ``too_long``.
    """
    path = Path(path)
    deadline = time.monotonic() + settings.timeout_seconds if ends is None else ends
    run = run_ffmpeg(path, settings, deadline, video=None, sound=stream, mixed=False)
    return [
        _placed(downmix(run.sound[:, [number]]), run.sound_start - zero, settings)
        for number in range(run.sound.shape[1])
    ]


def _allowed(path: Path, settings: MediaSettings, listing: Listing) -> MediaError | None:
    """What the file itself says of which it has more than allowed, or that it is encrypted."""
    if listing.encrypted:
        return refusal(path, "unreadable", ENCRYPTED)
    stated = Streams.wanted(listing).stated_seconds(listing)
    if stated > settings.max_seconds + _SLACK:
        return too_long(path, settings, stated)
    allowed = max_pixels(path, settings)
    video = listing.videos[0] if listing.videos else None
    if video is not None and allowed < video.width * video.height:
        found = f"has pictures of {video.width}x{video.height}"
        return refusal(path, "too_many_pixels", f"{found}, media.max_pixels allows {allowed}; scale it down")
    return None


def _within_limits(path: Path, settings: MediaSettings, streams: Streams, result: FfmpegRun) -> Decoded:
    """The result of a run with the limits applied, or the error that it amounts to."""
    report, frames, times = result.report, result.frames, result.times
    if frames is None and not result.sound.size:
        if "max pixel count" in report.complaint or "exceeds" in report.complaint:
            raise refusal(path, "too_many_pixels", f"{report.complaint}; scale it down or raise media.max_pixels")
        reason = edited_away(path) or report.complaint or "it holds no picture and no sound that can be decoded"
        raise refusal(path, "unreadable", f"cannot be decoded ({reason}); convert it to MP4 with H.264 and AAC")
    shown = report.listing.stream(streams.video) if streams.video is not None else None
    stated = streams.stated_seconds(report.listing)
    ends, starts = [], []
    if result.sound.size:
        starts.append(result.sound_start)
        ends.append(result.sound_start + len(result.sound) / settings.sample_rate)
    if frames is not None:
        starts.append(float(times[0]))
        ends.append(shown_until(times, shown.frame_rate if shown else 0.0, result.step, max(stated, *ends, 0.0)))
    zero, end = min(starts), max(ends)
    if end - zero > settings.max_seconds + _SLACK:
        raise too_long(path, settings, end - zero)
    if frames is None:
        frames = Frames(2, 2, Spill())  # none of them
    elif shown is not None and shown.width:
        frames.source_width, frames.source_height = shown.width, shown.height
    missing = 0.0 if report.listing.container in JUMPING else max(0.0, stated - end)
    # An AVI file counts chunks without content, which take no time; whether it is whole, its sizes tell.
    ends_early = missing > max(0.25, 0.1 * stated) and report.listing.container != "avi"
    truncated = ends_early or is_truncated(path)
    sound = _placed(result.sound, result.sound_start - zero, settings)
    others = tuple(item.number for item in report.listing.sounds if item.number != streams.sound)[: MOST_STREAMS - 1]
    heard = report.listing.stream(streams.sound) if streams.sound is not None else None
    return Decoded(
        frames, (times - zero).astype(np.float32), sound, report, truncated, missing if truncated else 0.0,
        end - zero, others, zero, heard.number if heard and heard.layout != "mono" else None,
        result.apart,
    )  # fmt: skip


def _placed(sound: np.ndarray, start: float, settings: MediaSettings) -> np.ndarray:
    """Sound from the start of the clip on, where it begins ``start`` seconds after or before that."""
    samples = round(start * settings.sample_rate)
    if samples <= 0 or not sound.size:
        return sound[-samples:] if samples < 0 else sound
    if samples > settings.max_seconds * settings.sample_rate:
        return sound[:0]
    return np.concatenate([np.zeros(samples, sound.dtype), sound])
