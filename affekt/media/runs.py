"""The runs of ffmpeg over one file that follow the first, until what is wanted of the file is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from affekt.media.ffmpeg_command import FIRST, picture_side
from affekt.media.ffmpeg_run import FfmpegRun, run_ffmpeg, stream_of
from affekt.media.format_names import reason_of
from affekt.media.frame_rate import measured_rate, step_for
from affekt.media.frames import Frames
from affekt.media.limits import refusal
from affekt.media.listing import Listing
from affekt.media.pipes import MAX_PICTURE_BYTES
from affekt.media.shots import moves
from affekt.settings import MediaSettings

#: Further pictures and sounds of a file that are looked at where the first is a still, or silent.
MOST_STREAMS = 8


@dataclass(frozen=True)
class Streams:
    """Which picture and which sound of a file are decoded."""

    video: int | None = FIRST
    sound: int | None = FIRST

    @classmethod
    def wanted(cls, listing: Listing) -> Streams:
        """The default ones of a file."""
        videos, sounds = listing.videos, listing.sounds
        return cls(videos[0].number if videos else None, sounds[0].number if sounds else None)

    def in_file(self, listing: Listing) -> Streams:
        """The same by their numbers."""
        video, sound = stream_of(listing, "Video", self.video), stream_of(listing, "Audio", self.sound)
        return Streams(video.number if video else None, sound.number if sound else None)

    def stated_seconds(self, listing: Listing) -> float:
        """How long the file says that they are; 0 where it does not."""
        here = self.in_file(listing)
        return listing.length_of(*(listing.stream(number) for number in (here.video, here.sound) if number is not None))

    def step(self, listing: Listing) -> int:
        """Of how many pictures one is looked at, by what the file says of their rate."""
        shown = stream_of(listing, "Video", self.video)
        return step_for(shown.mean_rate if shown else 0.0)


class Runs:
    """Runs over one file.

    Args:
        path: of the file.
        settings: the limits, the size of pictures and the sample rate.
        deadline: of :func:`time.monotonic`, for all of them together.
        arrived: is called with what has been decoded each time when there are more pictures of what the file shows.
    """

    def __init__(self, path: Path, settings: MediaSettings, deadline: float, arrived: Callable[[Frames], None]) -> None:
        self._path, self._settings, self._deadline, self._arrived = path, settings, deadline, arrived

    def completed(self, result: FfmpegRun, streams: Streams) -> tuple[FfmpegRun, Streams]:
        """The result of a first run with all that it lacks, and the streams that it is of then.

        Raises:
            MediaError: ``no_streams``, ``unreadable``, ``too_long`` or ``timeout``.
        """
        result = self._both(self._whole(result, streams))
        result, streams = self._moving(result, streams)
        return self._as_fast_as_seen(result, streams), streams

    def _picture(self, video: int, step: int, arrived: Callable[[Frames], None] = lambda frames: None) -> FfmpegRun:
        """One picture of the file alone."""
        result = run_ffmpeg(
            self._path, self._settings, self._deadline, video=video, sound=None, step=step, arrived=arrived
        )
        return self._whole(result, Streams(video, None))

    def _whole(self, result: FfmpegRun, streams: Streams) -> FfmpegRun:
        """A run, repeated where its pictures were too many or changed their size."""
        video, sound, step = streams.video, streams.sound, result.step
        path, settings, deadline = self._path, self._settings, self._deadline
        if result.overflow:
            shrink = 0.9 * (MAX_PICTURE_BYTES / _expected_bytes(result, streams)) ** 0.5
            side = max(64, int(picture_side(settings) * shrink))
            result = run_ffmpeg(path, settings, deadline, video=video, sound=sound, side=side, step=step)
            if result.overflow:
                found = f"decodes to more than {MAX_PICTURE_BYTES >> 30} GiB of pictures; cut it"
                raise refusal(path, "too_long", found)
        if result.changed_size and result.frames is not None:
            size = (result.frames.width, result.frames.height)
            result = run_ffmpeg(path, settings, deadline, video=video, sound=sound, size=size, step=result.step)
        return result

    def _both(self, result: FfmpegRun) -> FfmpegRun:
        """The result with the picture or the sound that it lacks, each decoded on its own: one may keep the other."""
        report = result.report
        wanted = Streams.wanted(report.listing)
        if wanted.video is None and wanted.sound is None:
            reason = reason_of(self._path, report.complaint or "no video and no sound in it")
            code = "no_streams" if report.listing.duration else "unreadable"
            found = f"is not a readable media file ({reason}); convert it to MP4 with H.264 and AAC"
            raise refusal(self._path, code, found)
        if wanted.sound is not None and not result.sound.size:
            sound = run_ffmpeg(self._path, self._settings, self._deadline, video=None, sound=wanted.sound)
            kept = replace(result, report=sound.report, exit_code=sound.exit_code) if result.frames is None else result
            result = kept.with_sound_of(sound)
        if wanted.video is not None and result.frames is None:
            result = self._picture(wanted.video, wanted.step(report.listing), self._arrived).with_sound_of(result)
        return result

    def _moving(self, result: FfmpegRun, streams: Streams) -> tuple[FfmpegRun, Streams]:
        """The result with the first picture that moves in place of one that does not."""
        others = result.report.listing.videos[1:MOST_STREAMS]
        if result.frames is not None and others and moves(result.frames):
            return result, streams
        for video in others:
            picture = self._picture(video.number, step_for(video.mean_rate))
            if picture.frames is not None and moves(picture.frames):
                return picture.with_sound_of(result), Streams(video.number, streams.sound)
        return result, streams

    def _as_fast_as_seen(self, result: FfmpegRun, streams: Streams) -> FfmpegRun:
        """The result with as many pictures as their own times call for, where the file does not say their rate, or
        lies.
        """
        rate = measured_rate(result.times) * result.step
        step = step_for(rate) if rate else result.step
        if result.frames is None or step == result.step:
            return result
        video = streams.in_file(result.report.listing).video
        if step % result.step and video is not None:
            return self._picture(video, step).with_sound_of(result)
        kept = range(0, len(result.frames), step // result.step)
        result.frames.keep(kept)
        return replace(result, times=result.times[:: kept.step], step=step)


def _expected_bytes(result: FfmpegRun, streams: Streams) -> float:
    listing, frames = result.report.listing, result.frames
    shown = stream_of(listing, "Video", streams.video)
    stride = frames.stride if frames is not None else 0
    return max(listing.duration * (shown.frame_rate if shown else 0.0) / result.step * stride, 2.0 * MAX_PICTURE_BYTES)
