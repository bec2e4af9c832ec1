"""Decodes a clip file within limits: pictures, their times, 16 kHz sound, in one run of ffmpeg where that will do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affekt.errors import MediaError
from affekt.media.downmix import downmix
from affekt.media.edit_lists import without_pauses
from affekt.media.ffmpeg_command import FIRST, max_pixels, picture_side
from affekt.media.ffmpeg_log import FileReport
from affekt.media.ffmpeg_run import FfmpegRun, run_ffmpeg, stream_of
from affekt.media.format_names import reason_of
from affekt.media.frame_rate import measured_rate, shown_until, step_for
from affekt.media.frames import Frames, Spill
from affekt.media.limits import check_file, refusal, too_long
from affekt.media.listing import JUMPING, Listing
from affekt.media.movie_index import ENCRYPTED, edited_away
from affekt.media.pipes import MAX_PICTURE_BYTES
from affekt.media.probe import is_truncated
from affekt.media.pyav import run_pyav
from affekt.media.shots import moves
from affekt.settings import MediaSettings

#: Further pictures and sounds of a file that are looked at where the first is a still, or silent.
MOST_STREAMS = 8
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


@dataclass(frozen=True)
class _Streams:
    """Which picture and which sound of a file are decoded."""

    video: int | None = FIRST
    sound: int | None = FIRST

    @classmethod
    def wanted(cls, listing: Listing) -> _Streams:
        videos, sounds = listing.videos, listing.sounds
        return cls(videos[0].number if videos else None, sounds[0].number if sounds else None)

    def in_file(self, listing: Listing) -> _Streams:
        """The same by their numbers."""
        video, sound = stream_of(listing, "Video", self.video), stream_of(listing, "Audio", self.sound)
        return _Streams(video.number if video else None, sound.number if sound else None)

    def stated_seconds(self, listing: Listing) -> float:
        """How long the file says that they are; 0 where it does not."""
        here = self.in_file(listing)
        return listing.length_of(*(listing.stream(number) for number in (here.video, here.sound) if number is not None))


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
    streams = _Streams()
    result = run_pyav(path, settings, deadline) or run_ffmpeg(
        path, settings, deadline,
        agreed=lambda listing: _allowed(path, settings, listing) is None
        and streams.in_file(listing) == _Streams.wanted(listing)
        and _step(listing, streams.video) == 1,
        arrived=arrived,
    )  # fmt: skip
    refused = _allowed(path, settings, result.report.listing)
    if refused is not None:
        raise refused
    if result.stopped:
        streams = _Streams.wanted(result.report.listing)
        step = _step(result.report.listing, streams.video)
        result = run_ffmpeg(
            path, settings, deadline, video=streams.video, sound=streams.sound, step=step, arrived=arrived
        )
    result = _whole(path, settings, deadline, streams, result)
    result = _run_apart(path, settings, deadline, result, arrived)
    result, streams = _moving(path, settings, deadline, streams, result)
    result = _as_fast_as_seen(path, settings, deadline, streams, result)
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
    stated = _Streams.wanted(listing).stated_seconds(listing)
    if stated > settings.max_seconds + _SLACK:
        return too_long(path, settings, stated)
    allowed = max_pixels(path, settings)
    video = listing.videos[0] if listing.videos else None
    if video is not None and allowed < video.width * video.height:
        found = f"has pictures of {video.width}x{video.height}"
        return refusal(path, "too_many_pixels", f"{found}, media.max_pixels allows {allowed}; scale it down")
    return None


def _whole(path: Path, settings: MediaSettings, deadline: float, streams: _Streams, result: FfmpegRun) -> FfmpegRun:
    """A run, repeated where its pictures were too many or changed their size."""
    if result.overflow:
        shrink = 0.9 * (MAX_PICTURE_BYTES / _expected_bytes(streams, result)) ** 0.5
        side = max(64, int(picture_side(settings) * shrink))
        result = run_ffmpeg(
            path, settings, deadline, video=streams.video, sound=streams.sound, side=side, step=result.step
        )
        if result.overflow:
            raise refusal(path, "too_long", f"decodes to more than {MAX_PICTURE_BYTES >> 30} GiB of pictures; cut it")
    if result.changed_size and result.frames is not None:
        size = (result.frames.width, result.frames.height)
        result = run_ffmpeg(
            path, settings, deadline, video=streams.video, sound=streams.sound, size=size, step=result.step
        )
    return result


def _expected_bytes(streams: _Streams, result: FfmpegRun) -> float:
    listing, frames = result.report.listing, result.frames
    shown = stream_of(listing, "Video", streams.video)
    stride = frames.stride if frames is not None else 0
    return max(listing.duration * (shown.frame_rate if shown else 0.0) / result.step * stride, 2.0 * MAX_PICTURE_BYTES)


def _run_apart(
    path: Path, settings: MediaSettings, deadline: float, result: FfmpegRun, arrived: Callable[[Frames], None]
) -> FfmpegRun:
    """The result with the picture or the sound that it lacks, each decoded on its own: one may have kept the other."""
    report = result.report
    wanted = _Streams.wanted(report.listing)
    if wanted.video is None and wanted.sound is None:
        reason = reason_of(path, report.complaint or "no video and no sound in it")
        code = "no_streams" if report.listing.duration else "unreadable"
        raise refusal(path, code, f"is not a readable media file ({reason}); convert it to MP4 with H.264 and AAC")
    if wanted.sound is not None and not result.sound.size:
        sound = run_ffmpeg(path, settings, deadline, video=None, sound=wanted.sound)
        kept = replace(result, report=sound.report, exit_code=sound.exit_code) if result.frames is None else result
        result = kept.with_sound_of(sound)
    if wanted.video is not None and result.frames is None:
        streams = _Streams(wanted.video, None)
        step = _step(report.listing, wanted.video)
        picture = run_ffmpeg(path, settings, deadline, video=wanted.video, sound=None, step=step, arrived=arrived)
        picture = _whole(path, settings, deadline, streams, picture)
        result = picture.with_sound_of(result)
    return result


def _moving(
    path: Path, settings: MediaSettings, deadline: float, streams: _Streams, result: FfmpegRun
) -> tuple[FfmpegRun, _Streams]:
    """The result with the first picture that moves in place of one that does not."""
    others = result.report.listing.videos[1:MOST_STREAMS]
    if result.frames is not None and others and moves(result.frames):
        return result, streams
    for video in others:
        other = _Streams(video.number, None)
        step = step_for(video.mean_rate)
        picture = run_ffmpeg(path, settings, deadline, video=video.number, sound=None, step=step)
        picture = _whole(path, settings, deadline, other, picture)
        if picture.frames is not None and moves(picture.frames):
            return picture.with_sound_of(result), _Streams(video.number, streams.sound)
    return result, streams


def _step(listing: Listing, video: int | None) -> int:
    """Of how many pictures of a stream one is looked at, by what the file says of their rate."""
    shown = stream_of(listing, "Video", video)
    return step_for(shown.mean_rate if shown else 0.0)


def _as_fast_as_seen(
    path: Path, settings: MediaSettings, deadline: float, streams: _Streams, result: FfmpegRun
) -> FfmpegRun:
    """The result with as many pictures as their own times call for, where the file does not say their rate, or lies."""
    rate = measured_rate(result.times) * result.step
    step = step_for(rate) if rate else result.step
    if result.frames is None or step == result.step:
        return result
    if step % result.step:
        video = streams.in_file(result.report.listing).video
        picture = run_ffmpeg(path, settings, deadline, video=video, sound=None, step=step)
        picture = _whole(path, settings, deadline, _Streams(video, None), picture)
        return picture.with_sound_of(result)
    kept = range(0, len(result.frames), step // result.step)
    result.frames.keep(kept)
    return replace(result, times=result.times[:: kept.step], step=step)


def _within_limits(path: Path, settings: MediaSettings, streams: _Streams, result: FfmpegRun) -> Decoded:
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
    truncated = missing > max(0.25, 0.1 * stated) or is_truncated(path)
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
