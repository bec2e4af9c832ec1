"""One run of ffmpeg over one file: within its limits and its time, and what came out of its pipes."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from affekt.errors import MediaError
from affekt.media.downmix import mix
from affekt.media.ffmpeg_command import FIRST, Picture, Sound, command_line, picture_side
from affekt.media.ffmpeg_log import FileReport, read_report
from affekt.media.ffmpeg_start import ENVIRONMENT, MEMORY, limited, limiter
from affekt.media.frames import Frames
from affekt.media.listing import MAX_FRAME_RATE, Light, Listing, Stream, read_listing
from affekt.media.movie_index import shown_seconds, states_end
from affekt.media.pipes import Drain, channels_of, going_on, open_pipe, read_frames, stamp_of, stamps_of, times_at
from affekt.settings import MediaSettings

_LOG_HEAD, _LOG_TAIL = 64 << 10, 16 << 10
_LISTED = b"\nStream mapping:"
_STAMP_BYTES = 72
#: Channels of sound that is as long as allowed; of more, the end is missing.
_MOST_CHANNELS = 16


@dataclass
class FfmpegRun:
    """What came out of one run of ffmpeg.

    Attributes:
        frames: the T pictures; None where there is none.
        times: float64 ``[T]``, seconds since the earliest time stamp of the file, never decreasing.
        sound: int16 ``[n]``, mono at the settings' sample rate; its pauses are silence.
        sound_start: of the first sample, seconds since the earliest time stamp of the file.
        report: what the file says about itself.
        exit_code: that of ffmpeg.
        changed_size: the pictures changed their size, and those from there on are missing.
        overflow: the pictures were more than are kept, and the rest is missing.
        step: of so many pictures of the file one is there.
        apart: the channels of the sound hold sounds that have nothing in common.
        stopped: it was not agreed to go on, and there is nothing but the report.
    """

    frames: Frames | None
    times: np.ndarray
    sound: np.ndarray
    sound_start: float
    report: FileReport
    exit_code: int
    changed_size: bool = False
    overflow: bool = False
    stopped: bool = False
    step: int = 1
    apart: bool = False

    def with_sound_of(self, other: FfmpegRun) -> FfmpegRun:
        """The same with the sound of another run."""
        return replace(self, sound=other.sound, sound_start=other.sound_start, apart=other.apart)


def run_ffmpeg(
    path: Path,
    settings: MediaSettings,
    deadline: float,
    *,
    video: int | None = FIRST,
    sound: int | None = FIRST,
    side: int = 0,
    size: tuple[int, int] | None = None,
    step: int = 1,
    mixed: bool = True,
    agreed: Callable[[Listing], bool] | None = None,
    arrived: Callable[[Frames], None] = lambda frames: None,
) -> FfmpegRun:
    """Run ffmpeg once and read its pipes until all are at their end. It never outlives this call.

    Args:
        path: of the file.
        settings: the limits, the size of pictures and the sample rate.
        deadline: of :func:`time.monotonic`; what runs then is ended.
        video: the number of the stream whose pictures are decoded, ``FIRST``, or None.
        sound: likewise.
        side: the short side of the pictures; 0 for :func:`picture_side`.
        size: the pictures' width and height, where they shall all have the same.
        step: of so many pictures one is decoded to the end.
        mixed: whether the channels of the sound become one; otherwise it is int16 ``[n, C]``.
        agreed: is asked whether to go on once the file is listed, before more than a few pictures are decoded.
        arrived: as for :func:`affekt.media.pipes.read_frames`.

    Raises:
        MediaError: ``timeout``.
    """
    special: list[Listing] = []

    def goes_on(listing: Listing) -> bool:
        if agreed is not None and not agreed(listing):
            return False
        if _is_special(stream_of(listing, "Video", video)) or _is_special(stream_of(listing, "Audio", sound)):
            special.append(listing)
        return not special

    once = partial(
        _run, path, settings, deadline, video=video, sound=sound, side=side, size=size, step=step, mixed=mixed,
        arrived=arrived,
    )  # fmt: skip
    run = once(goes_on)
    if special:
        shown, heard = stream_of(special[0], "Video", video), stream_of(special[0], "Audio", sound)
        run = once(light=shown.light if shown else None, floats=heard is not None and heard.floats)
    return run


def _is_special(stream: Stream | None) -> bool:
    """Whether a stream is decoded otherwise than one of which nothing is known."""
    return stream is not None and (stream.light is not None or stream.floats)


def _run(
    path: Path,
    settings: MediaSettings,
    deadline: float,
    agreed: Callable[[Listing], bool] | None = None,
    *,
    video: int | None,
    sound: int | None,
    side: int,
    size: tuple[int, int] | None,
    step: int,
    mixed: bool,
    arrived: Callable[[Frames], None],
    light: Light | None = None,
    floats: bool = False,
) -> FfmpegRun:
    """Run ffmpeg over streams that are all decoded in one way, which is told; the rest as for :func:`run_ffmpeg`."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        times_pipe, stamp_pipe, sound_pipe = (
            open_pipe(stack) if wanted else None for wanted in (video is not None, sound is not None, sound is not None)
        )
        picture = voice = None
        if video is not None and times_pipe:
            picture = Picture(video, times_pipe[1].fileno(), side or picture_side(settings), size, step, light)
        if sound is not None and stamp_pipe and sound_pipe:
            voice = Sound(sound, stamp_pipe[1].fileno(), sound_pipe[1].fileno(), floats)
        process = _started(
            stack,
            command_line(path, settings, picture, voice),
            file,
            [pipe[1] for pipe in (times_pipe, stamp_pipe, sound_pipe) if pipe],
            deadline,
        )
        assert process.stdout is not None and process.stderr is not None
        length = states_end(path), shown_seconds(path)
        guard = _Guard(process, agreed, length)
        seconds = settings.max_seconds + 2
        log = Drain(process.stderr, _LOG_HEAD, _LOG_TAIL, guard)
        times = Drain(times_pipe[0], int(seconds * MAX_FRAME_RATE) * _STAMP_BYTES) if times_pipe else None
        stamp = Drain(stamp_pipe[0], _STAMP_BYTES) if stamp_pipe else None
        samples = int(seconds * settings.sample_rate) * (4 if floats else 2) * _MOST_CHANNELS
        channels = Drain(sound_pipe[0], samples) if sound_pipe else None
        frames, changed, overflow = read_frames(process.stdout, arrived) if picture else (None, False, False)
        if changed or overflow:
            process.kill()
        for drain in (log, times, stamp, channels):
            if drain:
                drain.join()
        process.wait()
        if time.monotonic() >= deadline and not guard.stopped:
            raise out_of_time(path, settings)
    report = read_report(log.text(), *length)
    count = len(frames) if frames is not None else 0
    shown, heard = stream_of(report.listing, "Video", video), stream_of(report.listing, "Audio", sound)
    decoded = channels_of(channels.data()) if channels else np.zeros((0, 1), np.int16)
    sound_mix = mix(decoded if mixed else decoded[:0], heard.layout if heard else "")
    stamps = stamps_of(times.text() if times else "", count)
    kept = going_on(stamps, count)
    if frames is not None and len(kept) < count:
        frames.keep(kept)
        report = replace(report, damaged=True)
        stamps = [stamps[number] for number in kept if number < len(stamps)]
    return FfmpegRun(
        frames if count else None,
        times_at(stamps, len(kept), shown.frame_rate if shown else 0.0, step, len(decoded) / settings.sample_rate),
        sound_mix.samples if mixed else decoded,
        (stamp_of(stamp.text().partition("\n")[0]) or (0.0, False))[0] if stamp else 0.0,
        report,
        process.returncode,
        changed,
        overflow,
        guard.stopped,
        step,
        sound_mix.apart,
    )


def out_of_time(path: Path, settings: MediaSettings) -> MediaError:
    """The error of a file whose decoding took too long."""
    limit = f"media.timeout_seconds is {settings.timeout_seconds:g}"
    return MediaError(
        f"was not decoded in time; {limit}; cut the clip or raise the limit", code="timeout", where=str(path)
    )


def stream_of(listing: Listing, kind: str, number: int | None) -> Stream | None:
    """The stream that a run decodes under a number, which may be ``FIRST``."""
    if number is None:
        return None
    return listing.first(kind) if number == FIRST else listing.stream(number)


def _started(
    stack: contextlib.ExitStack, command: list[str], file: IO[bytes], inherited: list[IO[bytes]], deadline: float
) -> subprocess.Popen[bytes]:
    """The process, which ends with the stack or at the deadline; its ends of the pipes are closed here."""
    process = subprocess.Popen(
        limited(command, max(1.0, deadline - time.monotonic())),
        env=ENVIRONMENT,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=[pipe.fileno() for pipe in inherited],
        start_new_session=True,
    )
    for pipe in inherited:
        pipe.close()
    stack.callback(_stop, process)
    if not limiter():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
    assert process.stdout is not None and process.stderr is not None
    stack.enter_context(process.stdout)
    stack.enter_context(process.stderr)
    timer = threading.Timer(max(0.01, deadline - time.monotonic()), process.kill)
    timer.daemon = True
    timer.start()
    stack.callback(timer.cancel)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


class _Guard:
    """Watches the log of a process: ends it where what it lists is not agreed to.

    Attributes:
        stopped: whether that was so.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], agreed: Callable[[Listing], bool] | None, length: tuple[bool, float]
    ) -> None:
        self._process, self._agreed, self._length = process, agreed, length
        self.stopped = False

    def __call__(self, log: bytes) -> bool:
        if self._agreed is None:
            return True
        if _LISTED not in log:
            return False
        self.stopped = not self._agreed(read_listing(log.decode("utf-8", "replace"), *self._length))
        if self.stopped:
            self._process.kill()
        return True
