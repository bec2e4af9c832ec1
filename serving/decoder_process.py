"""A process that has PyAV ready and gives each clip to a new fork of itself, which is used for that one clip.

Started by :mod:`affekt.serving.decoder`. It reads no clip itself, has one thread, no environment and no right over
files but to read Python's. Each fork has less: it can open nothing, start nothing and reach nothing
(:func:`affekt.serving.system_calls.only_decode`), and has the limits of :mod:`affekt.media.ffmpeg_start`. The next one
is forked before it is needed.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from affekt.media import pyav
from affekt.media.ffmpeg_command import picture_side
from affekt.media.ffmpeg_start import MEMORY
from affekt.media.filter_graphs import Kind, levels_of
from affekt.media.frames import Spill
from affekt.serving.behind import behind
from affekt.serving.confined import confine
from affekt.serving.decoder_room import Room
from affekt.serving.system_calls import only_decode
from affekt.settings import MediaSettings

#: What it says when it is ready.
READY = b"ready"
#: Exit statuses of a fork: the clip is decoded; the fork failed; the clip is one for ffmpeg; the fork is not confined.
DECODED, FAILED, OTHER, UNCONFINED = 0, 1, 3, 4
#: Bytes of a message.
MESSAGE = 1 << 16
#: Seconds within which threads end.
_THREADS_END = 10.0
_NAME = b"affekt-decoder"
_PARENT_DEATH, _SET_NAME = 1, 15


class _Fork:
    """A fork that waits for its clip."""

    def __init__(self, settings: MediaSettings, asked: socket.socket) -> None:
        self._channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            status = FAILED
            try:
                for other in (asked, self._channel):
                    other.close()
                status = _decode_one(settings, its, parent)
            finally:
                os._exit(status)
        its.close()
        self.ended = os.pidfd_open(self.pid)

    def give(self, message: bytes, files: list[int], seconds: float) -> None:
        """Its clip, and the seconds of processor time that it has."""
        limit = int(seconds) + 2
        with contextlib.suppress(OSError):  # it has died: its status says so
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (limit, limit))
            socket.send_fds(self._channel, [message], files)

    def kill(self) -> int:
        """End it, if it has not ended; returns its status."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.ended)
        self._channel.close()
        return os.waitstatus_to_exitcode(status)


def _decode_one(settings: MediaSettings, channel: socket.socket, parent: int) -> int:
    """What a fork does; its status."""
    os.setsid()
    _end_with(parent)
    ctypes.CDLL(None).prctl(_SET_NAME, _NAME, 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):  # fmt: skip
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    if not only_decode():
        return UNCONFINED
    message, files, _, _ = socket.recv_fds(channel, MESSAGE, 2)
    if len(files) != 2:
        return OTHER
    channel.close()
    task = json.loads(message)
    room = Room(files[1], settings)
    room.expect(task["there"])
    try:
        plain = pyav.decoded(files[0], settings, task["pixels"], task["ends"], room.pictures)
    except TimeoutError:
        return OTHER
    return DECODED if plain and room.put(plain) else OTHER


def _end_with(parent: int) -> None:
    """End this process when the thread of its parent ends that started it."""
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def serve(channel: socket.socket, settings: MediaSettings) -> None:
    """Give clips to forks until nobody asks any more.

    A message with the descriptors of a clip and of the memory for what comes out of it is answered, when the fork is
    gone, with its status. One without any, which follows, may tell the ``kind`` of pictures that will come again.
    """
    fork: _Fork | None = _Fork(settings, channel)
    try:
        while True:
            message, files, _, _ = socket.recv_fds(channel, MESSAGE, 2)
            if not message:
                return
            task = json.loads(message)
            if files:
                fork = fork or _Fork(settings, channel)
                status = _given(channel, fork, task, message, files)
                fork = None
                channel.send(str(status).encode())
                continue
            if kind := task.get("kind"):
                with contextlib.suppress(Exception):  # whatever libav says of a kind, the next fork is told it, too
                    levels_of(Kind(*kind), picture_side(settings))
            fork = fork or _Fork(settings, channel)
    finally:
        if fork is not None:
            fork.kill()


def _given(channel: socket.socket, fork: _Fork, task: dict[str, Any], message: bytes, files: list[int]) -> int:
    """The status of a fork that was given a clip; it is gone then, at the latest when the time is over."""
    left = max(0.0, task["ends"] - time.monotonic())
    fork.give(message, files, left)
    for file in files:
        os.close(file)
    select.select([fork.ended, channel.fileno()], [], [], left + 1)
    return fork.kill()


def _warm(settings: MediaSettings) -> None:
    """Decode a clip that is made here, so that forks find done what libraries do with their first one."""
    import av  # heavy, and where this process alone is run

    written = io.BytesIO()
    with av.open(written, "w", format="mp4") as container:
        picture = container.add_stream("libx264", 25, options={"preset": "ultrafast", "x264-params": "threads=1"})
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        sound = container.add_stream("aac", 44100, layout="stereo")
        for number in range(5):
            grey = np.full((96, 64), 40 * number, np.uint8)
            container.mux(picture.encode(av.VideoFrame.from_ndarray(grey, format="yuv420p")))
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            silence.sample_rate, silence.pts = 44100, 1024 * number
            container.mux(sound.encode(silence))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    with os.fdopen(os.memfd_create("affekt-first"), "w+b") as file:
        file.write(written.getbuffer())
        file.seek(0)
        pyav.decoded(file.fileno(), settings, settings.max_pixels, time.monotonic() + 10, Spill())


def _keep_heap() -> None:
    """Let what is freed be used again: giving pages back and asking for others takes longer (glibc's mallopt)."""
    trim, top, mapped = -1, -2, -3
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for what, size in ((trim, 256 << 20), (top, 4 << 20), (mapped, 32 << 20)):
            libc.mallopt(what, size)


def main(arguments: list[str]) -> None:
    """Get ready, and serve."""
    parent, number = map(int, arguments[:2])
    settings = MediaSettings(**json.loads(arguments[2]))
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=number)
    cv2.setNumThreads(1)
    _keep_heap()
    behind(partial(_warm, settings))
    ends = time.monotonic() + _THREADS_END
    while len([*Path("/proc/self/task").iterdir()]) > 1:  # one that has ended may be there a moment longer
        if time.monotonic() > ends:
            sys.exit("a process with threads is not forked")
        time.sleep(0.01)
    os.environ.clear()
    confine([], None)
    gc.collect()
    gc.freeze()
    gc.disable()
    channel.send(READY)
    serve(channel, settings)
