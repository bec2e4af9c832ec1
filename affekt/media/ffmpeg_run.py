"""One run of ffmpeg over one file: its command line, the pipes it writes to, and what came out of them."""

from __future__ import annotations

import contextlib
import fcntl
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
from affekt.media.probe import CONTAINERS
from affekt.settings import MediaSettings

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


@dataclass
class FfmpegRun:
    """What came out of one run of ffmpeg.

    Attributes:
        frames: the T pictures; None where there is none.
        times: float32 ``[T]``, seconds, never decreasing.
        sound: int16 ``[n]``, mono at the settings' sample rate.
        report: what the file says about itself.
        exit_code: that of ffmpeg.
        changed_size: the pictures changed their size, and those from there on are missing.
        overflow: the pictures were more than :data:`MAX_PICTURE_BYTES`, and the rest is missing.
    """

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


def max_pixels(path: Path, settings: MediaSettings) -> int:
    """How many pixels a picture of a file may have: those of the settings, and :data:`STILL_PIXELS` times that many
    where there is one picture alone, by the first bytes of the file.
    """
    with path.open("rb") as file:
        head = file.read(32)
    still = head.startswith(_STILLS) or (head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8" and head[15:16] != b"X")
    return settings.max_pixels * (STILL_PIXELS if still else 1)


def run_ffmpeg(
    path: Path,
    settings: MediaSettings,
    deadline: float,
    *,
    with_video: bool = True,
    with_sound: bool = True,
    side: int = 0,
    size: tuple[int, int] | None = None,
) -> FfmpegRun:
    """Run ffmpeg once and read its pipes until all are at their end. It never outlives this call.

    Args:
        deadline: of :func:`time.monotonic`; what runs then is ended.
        with_video: decode the pictures.
        with_sound: decode the sound.
        side: the short side of the pictures; 0 for :func:`picture_side`.
        size: the pictures' width and height, where they shall all have the same.

    Raises:
        MediaError: ``timeout``.
    """
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
            raise MediaError(
                f"was not decoded in time; {limit}; cut the clip or raise the limit", code="timeout", where=str(path)
            )
    report = read_report(log.text())
    count = len(frames) if frames is not None else 0
    times = _times(stamps.text() if stamps else "", count, report.frame_rate)
    samples = np.frombuffer(sound.data(), np.int16) if sound else np.empty(0, np.int16)
    return FfmpegRun(frames if count else None, times, samples, report, process.returncode, changed, overflow)


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
