"""Plain uploads are decoded by PyAV in a process for each of them, forked from one that has it ready.

Starting ffmpeg for a short clip takes as long as decoding it. What is not plain, or of which there is any doubt, is
left to ffmpeg (:mod:`affekt.media.pyav`); so is all where a fork cannot be confined.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from affekt.media import pyav
from affekt.media.ffmpeg_command import max_pixels
from affekt.media.ffmpeg_run import FfmpegRun
from affekt.serving.decoder_process import DECODED, MESSAGE, OTHER, READY, UNCONFINED
from affekt.serving.decoder_room import Memory, Room
from affekt.settings import MediaSettings

logger = logging.getLogger(__name__)

#: How plain files begin: MP4 behind the length of its first box.
_MP4, _MATROSKA = b"ftyp", b"\x1a\x45\xdf\xa3"
#: A process that gets ready while others go first. What it imports is not for the thread that works.
_START = (
    "import importlib, sys; from affekt.serving.behind import behind; "
    "behind(lambda: importlib.import_module('affekt.serving.decoder_process')).main(sys.argv[1:])"
)
#: Of the time that is left, the share that a fork may take: ffmpeg may have to decode the clip then.
_SHARE = 0.5
#: Seconds beyond a fork's time within which it is said what became of it.
_LATE = 5.0


class Decoder:
    """Decodes plain files one at a time. Build with :meth:`started`; ends with this process."""

    def __init__(self, settings: MediaSettings) -> None:
        self._settings = settings
        self._memory = Memory(settings)
        self._channel, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-P", "-c", _START,
                    str(os.getpid()), str(its.fileno()), json.dumps(dataclasses.asdict(settings)),
                ],
                env={
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
            )  # fmt: skip
        self._ready = self._broken = False
        self._busy = threading.Lock()

    @classmethod
    def started(cls, settings: MediaSettings) -> Decoder | None:
        """A decoder that gets ready meanwhile; None where the libraries are not those that were compared."""
        return cls(settings) if pyav.compared() else None

    def __call__(self, path: Path, settings: MediaSettings, deadline: float) -> FfmpegRun | None:
        """As :func:`affekt.media.pyav.run_pyav`; None, too, while it is not ready or has another clip."""
        if settings != self._settings or not _may_be_plain(path) or not self._busy.acquire(blocking=False):
            return None
        try:
            return self._run(path, deadline) if self.ready else None
        except (OSError, ValueError, KeyError, RecursionError) as error:
            self._give_up(f"{type(error).__name__}: {error}")
            return None
        finally:
            self._busy.release()

    def close(self) -> None:
        """End it."""
        self._channel.close()
        self.process.kill()
        self.process.wait()
        self._memory.drop()

    @property
    def ready(self) -> bool:
        """Whether clips are decoded: not before the process is there, nor when it has failed."""
        if not self._ready and not self._broken and select.select([self._channel], [], [], 0)[0]:
            self._ready = self._channel.recv(MESSAGE) == READY
            if not self._ready:
                self._give_up("it did not start")
        return self._ready and not self._broken

    def _run(self, path: Path, deadline: float) -> FfmpegRun | None:
        ends = time.monotonic() + _SHARE * max(0.0, deadline - time.monotonic())
        memory, there, room = self._memory.next()
        task = {"pixels": max_pixels(path, self._settings), "ends": ends, "there": there}
        with path.open("rb", buffering=0) as file:
            socket.send_fds(self._channel, [json.dumps(task).encode()], [file.fileno(), memory])
        self._channel.settimeout(max(0.0, ends - time.monotonic()) + _LATE)
        said = self._channel.recv(MESSAGE)
        if not said:
            raise OSError("it has ended")
        plain = self._taken(room) if (status := int(said)) == DECODED else None
        self._channel.send(json.dumps({"kind": plain.kind} if plain else {}).encode())
        if status == UNCONFINED:
            raise OSError("its forks are not confined")
        if status not in (DECODED, OTHER):
            logger.warning("a decoder ended with status %d; ffmpeg decodes that clip", status)
        return plain.run if plain else None

    def _taken(self, room: Room) -> pyav.Plain | None:
        try:
            return room.take()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            logger.warning("a decoder left something else than a clip (%s); ffmpeg decodes that one", error)
            return None

    def _give_up(self, reason: str) -> None:
        logger.warning("clips are decoded by ffmpeg alone from here on: the process for plain ones failed (%s)", reason)
        self._broken = True
        self._channel.close()  # which ends it
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_LATE)


def _may_be_plain(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    return head[4:] == _MP4 or head.startswith(_MATROSKA)
