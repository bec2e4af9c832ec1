"""Decodes a clip file with one ffmpeg process: pictures, their times, and 16 kHz sound in one pass, within limits."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

import ffmpeg
import imageio_ffmpeg
import numpy as np

from affekt.errors import MediaError
from affekt.media.ffmpeg_log import FileReport, read_report
from affekt.media.frames import MARKER, Frames, Spill
from affekt.media.probe import CONTAINERS, is_truncated
from affekt.settings import MediaSettings

logger = logging.getLogger(__name__)

#: A still picture is a clip of one frame.
_CONTAINERS = CONTAINERS + ",bmp_pipe,jpeg_pipe,png_pipe,webp_pipe"
#: The short side of the decoded picture, in face crops: a face of a quarter of the picture still fills its crop.
PICTURE_IN_CROPS = 4
#: Pixels of a still picture, in ``media.max_pixels``: one picture costs little, and phones take twelve million of them.
STILL_PIXELS = 8
#: How files of still pictures begin: JPEG, PNG, BMP, and WebP that is not animated.
_STILLS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")
#: Frames a second beyond which a file is taken for damaged or hostile.
MAX_FRAME_RATE = 240
#: Decoded pictures of one clip, bytes; longer clips are decoded again, smaller.
MAX_PICTURE_BYTES = 4 << 30
_MEMORY_LIMIT = 6 << 30
_PIPE_BYTES = 1 << 20
_LOG_HEAD, _LOG_TAIL = 64 << 10, 16 << 10


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


@dataclass
class _Pass:
    """One run of ffmpeg: what came out."""

    frames: Frames | None
    times: np.ndarray
    sound: np.ndarray
    report: FileReport
    exit_code: int
    changed_size: bool = False
    overflow: bool = False


@cache
def ffmpeg_binary() -> str:
    """The path of the ffmpeg that the package imageio-ffmpeg brings."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


def picture_side(settings: MediaSettings) -> int:
    """The short side of decoded pictures, pixels: no smaller than detection and crops need, and no larger."""
    return max(settings.detection_height, PICTURE_IN_CROPS * settings.face_size)


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
    result = _run(path, settings, deadline)
    if result.overflow:
        shrink = 0.9 * (MAX_PICTURE_BYTES / _expected_bytes(result)) ** 0.5
        result = _run(path, settings, deadline, side=max(64, int(picture_side(settings) * shrink)))
        if result.overflow:
            raise _error(path, "too_long", f"decodes to more than {MAX_PICTURE_BYTES >> 30} GiB of pictures; cut it")
    if result.changed_size and result.frames is not None:
        result = _run(path, settings, deadline, size=(result.frames.width, result.frames.height))
    if result.frames is None and not result.sound.size:
        result = _run_apart(path, settings, deadline, result)
    return _judged(path, settings, result)


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
        raise _error(path, "too_large", f"has {size} bytes, {limit}; cut or compress it, or raise the limit")


def max_pixels(path: Path, settings: MediaSettings) -> int:
    """How many pixels a picture of a file may have: those of the settings, and :data:`STILL_PIXELS` times that many
    where there is one picture alone, by the first bytes of the file.
    """
    with path.open("rb") as file:
        head = file.read(32)
    still = head.startswith(_STILLS) or (head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8" and head[15:16] != b"X")
    return settings.max_pixels * (STILL_PIXELS if still else 1)


def _error(path: Path, code: str, message: str) -> MediaError:
    return MediaError(message, code=code, where=str(path))


def _expected_bytes(result: _Pass) -> float:
    report, frames = result.report, result.frames
    assert frames is not None
    stated = report.duration * report.frame_rate * frames.stride
    return max(stated, 2.0 * MAX_PICTURE_BYTES)


def _run_apart(path: Path, settings: MediaSettings, deadline: float, failed: _Pass) -> _Pass:
    """Picture and sound each on its own, where the file lacks one or one of the two cannot be decoded."""
    report = failed.report
    if not (report.has_video or report.has_sound):
        reason = report.complaint or "no video and no sound in it"
        code = "no_streams" if report.duration else "unreadable"
        raise _error(path, code, f"is not a readable media file ({reason}); convert it to MP4 with H.264 and AAC")
    nothing = _Pass(None, np.empty(0, np.float32), np.empty(0, np.int16), report, failed.exit_code)
    picture = _run(path, settings, deadline, with_sound=False) if report.has_video else nothing
    sound = _run(path, settings, deadline, with_video=False) if report.has_sound else nothing
    if picture.changed_size and picture.frames is not None:
        picture = _run(path, settings, deadline, with_sound=False, size=(picture.frames.width, picture.frames.height))
    told = picture.report if report.has_video else sound.report
    return _Pass(picture.frames, picture.times, sound.sound, told, picture.exit_code or sound.exit_code)


def _judged(path: Path, settings: MediaSettings, result: _Pass) -> Decoded:
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


def _command(
    path: Path,
    settings: MediaSettings,
    times_pipe: int | None,
    sound_pipe: int | None,
    side: int,
    size: tuple[int, int] | None,
) -> list[str]:
    """The command line, through ffmpeg-python's graph of one input and one or two outputs."""
    source = ffmpeg.input(
        "fd:",
        protocol_whitelist="fd",
        format_whitelist=_CONTAINERS,
        max_pixels=max_pixels(path, settings),
        threads=1,
        t=settings.max_seconds + 1,
    )
    outputs = []
    if times_pipe is not None:
        if size is None:
            # Square pixels, the short side reduced to `side`, even sizes. An absurd aspect ratio is cut off.
            wide = "iw*clip(sar,0.25,4)"
            ratio = f"min(1,{side}/min({wide},ih))"
            width = f"max(2,2*round({wide}*{ratio}/2))"
            height = f"max(2,2*round(ih*{ratio}/2))"
        else:
            width, height = str(size[0]), str(size[1])
        scale = f"scale=w='{width}':h='{height}':flags=bilinear:out_range=pc:out_color_matrix=bt601"
        outputs.append(
            ffmpeg.output(
                source["V:0"],
                "pipe:1",
                format="yuv4mpegpipe",
                vf=f"{scale},setsar=1,format=yuv420p",
                fps_mode="passthrough",
                stats_enc_pre=f"pipe:{times_pipe}",
                stats_enc_pre_fmt="{ptsi} {tbi}",
                strict="-1",
                **{"frames:v": int(settings.max_seconds * MAX_FRAME_RATE) + 1},
            )
        )
    if sound_pipe is not None:
        # swr with 16-bit output normalises the down-mix, so that a mono file and its stereo copy have one loudness.
        mix = f"aresample=osr={settings.sample_rate}:ochl=mono:osf=s16"
        outputs.append(ffmpeg.output(source["a:0"], f"pipe:{sound_pipe}", format="s16le", af=mix))
    graph = ffmpeg.merge_outputs(*outputs).global_args(
        "-hide_banner", "-nostdin", "-nostats", "-loglevel", "info", "-filter_threads", "1"
    )
    return [str(part) for part in graph.compile(cmd=ffmpeg_binary())]


def _run(
    path: Path,
    settings: MediaSettings,
    deadline: float,
    *,
    with_video: bool = True,
    with_sound: bool = True,
    side: int = 0,
    size: tuple[int, int] | None = None,
) -> _Pass:
    """Run ffmpeg once and read its pipes until all are at their end. It never outlives this call."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        times_end, times_pipe = _pipe(stack) if with_video else (None, None)
        sound_end, sound_pipe = _pipe(stack) if with_sound else (None, None)
        inner = [pipe for pipe in (times_pipe, sound_pipe) if pipe is not None]
        command = _command(
            path,
            settings,
            times_pipe.fileno() if times_pipe else None,
            sound_pipe.fileno() if sound_pipe else None,
            side or picture_side(settings),
            size,
        )
        process = subprocess.Popen(
            command,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            pass_fds=[pipe.fileno() for pipe in inner],
            start_new_session=True,
        )
        for pipe in inner:
            pipe.close()
        stack.callback(_stop, process)
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process.pid, resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
        assert process.stdout is not None and process.stderr is not None
        stack.enter_context(process.stdout)
        stack.enter_context(process.stderr)
        timer = threading.Timer(max(0.01, deadline - time.monotonic()), process.kill)
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        sound_limit = int((settings.max_seconds + 2) * settings.sample_rate) * 2
        log = _Drain(process.stderr, _LOG_HEAD, _LOG_TAIL)
        sound = _Drain(sound_end, sound_limit, 0) if sound_end else None
        stamps = _Drain(times_end, int(settings.max_seconds * MAX_FRAME_RATE + 1) * 48, 0) if times_end else None
        frames, changed, overflow = _read_frames(process.stdout) if with_video else (None, False, False)
        if changed or overflow:
            process.kill()
        for drain in (log, sound, stamps):
            if drain:
                drain.join()
        process.wait()
        if time.monotonic() >= deadline:
            limit = f"media.timeout_seconds is {settings.timeout_seconds:g}"
            raise _error(path, "timeout", f"was not decoded in time; {limit}; cut the clip or raise the limit")
    report = read_report(log.text())
    count = len(frames) if frames is not None else 0
    times = _times(stamps.text() if stamps else "", count, report.frame_rate)
    samples = np.frombuffer(sound.data(), np.int16) if sound else np.empty(0, np.int16)
    return _Pass(frames if count else None, times, samples, report, process.returncode, changed, overflow)


def _pipe(stack: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    ends = (os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0))
    for end in ends:
        stack.enter_context(end)
    return ends


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


class _Drain(threading.Thread):
    """Reads a pipe to its end, keeping the first and the last bytes, so that no writer ever blocks on it."""

    def __init__(self, pipe: IO[bytes], head: int, tail: int) -> None:
        super().__init__(daemon=True)
        self._pipe, self._head, self._tail = pipe, head, tail
        self._first, self._last = bytearray(), bytearray()
        self.start()

    def run(self) -> None:
        while data := self._pipe.read(65536):
            room = self._head - len(self._first)
            self._first += data[:room]
            if self._tail:
                self._last = (self._last + data[room:])[-self._tail :]

    def data(self) -> bytes:
        """An even number of the first bytes."""
        return bytes(self._first[: len(self._first) // 2 * 2])

    def text(self) -> str:
        return (self._first + self._last).decode("utf-8", "replace")


def _read_frames(pipe: IO[bytes]) -> tuple[Frames | None, bool, bool]:
    """The pictures of a YUV4MPEG2 stream, whether their size changed on the way, and whether they were too many."""
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
        filled = len(rest)
        if filled > len(room):  # several tiny pictures came with the header
            filled = len(room)
        room[:filled] = rest[:filled]
        rest = rest[filled:]
        while filled < len(room) and (count := pipe.readinto(room[filled:])):  # type: ignore[attr-defined]
            filled += count
        whole = filled // frames.stride
        for number in range(whole):
            start = number * frames.stride
            if room[start : start + len(MARKER)] != MARKER:
                frames.count += number
                return frames, True, False
        frames.count += whole
        if filled < len(room):
            return frames, False, False
        if frames.count * frames.stride > MAX_PICTURE_BYTES:
            return frames, False, True


def _times(text: str, count: int, frame_rate: float) -> np.ndarray:
    """The times of ``count`` frames from ffmpeg's lines ``pts timebase``; gaps are filled at the stated rate."""
    period = 1 / frame_rate if frame_rate else 0.04
    times = np.empty(count, np.float64)
    latest = -period
    lines = iter(text.splitlines())
    for number in range(count):
        parts = next(lines, "").replace("/", " ").split()
        stamp = latest + period
        if len(parts) == 3:
            with contextlib.suppress(ValueError, ZeroDivisionError):
                value = int(parts[0]) * int(parts[1]) / int(parts[2])
                if abs(value) < 1e6:
                    stamp = value
        latest = max(stamp, latest) if number else max(stamp, 0.0)
        times[number] = latest
    return times.astype(np.float32)
