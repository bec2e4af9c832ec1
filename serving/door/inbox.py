"""Clips on their way to the engine: each a private file, written as its bytes come, within its limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request

from affekt.serving.door.refusal import Refusal

#: Seconds without a byte after which a body is given up, and seconds for a whole one.
IDLE_SECONDS, BODY_SECONDS = 15.0, 300.0
#: The code of a refusal for that.
SLOW = "slow_body"
#: Bytes and seconds of a refused body that are read and thrown away, so that its sender can read the refusal.
_DRAIN_BYTES, _DRAIN_SECONDS = 256 << 20, 10.0
#: Bytes on the disk for all clips that are in work or wait, at most half of what is free.
_MOST = 4 << 30


@dataclass
class Clip:
    """One clip in the inbox; as a context manager it is removed at the end.

    Attributes:
        name: of its file, which the engine is told.
        size: bytes so far.
    """

    inbox: Inbox
    name: str
    size: int = 0

    @property
    def path(self) -> Path:
        """Its file."""
        return self.inbox.folder / self.name

    def again(self) -> Clip:
        """The same clip under another name, whose file stays when this one goes; it takes no further room."""
        other = Clip(self.inbox, f"{uuid4().hex}.clip", self.size)
        other.path.hardlink_to(self.path)
        self.inbox.hold(other.size)
        return other

    def remove(self) -> None:
        """Take it away. Idempotent."""
        self.path.unlink(missing_ok=True)
        self.inbox.hold(-self.size)
        self.size = 0

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class Inbox:
    """The folder of clips.

    Args:
        folder: private to the server.
        max_bytes: the largest clip.

    Attributes:
        used: bytes of all clips in it.
        read: bytes of documents that are on their way, in memory.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        *,
        idle_seconds: float = IDLE_SECONDS,
        body_seconds: float = BODY_SECONDS,
        disk_bytes: int | None = None,
    ) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self.idle_seconds, self.body_seconds = idle_seconds, body_seconds
        self.most = min(_MOST, shutil.disk_usage(folder).free // 2) if disk_bytes is None else disk_bytes
        self.used = self.read = 0
        self._lock = threading.Lock()  # clips from S3 are written by threads

    def hold(self, size: int) -> None:
        """Count bytes that are in it, or gone where they are negative."""
        with self._lock:
            self.used += size

    def writer(self) -> Writer:
        """A new clip to be written.

        Raises:
            Refusal: the disk takes no further file.
        """
        clip = Clip(self, f"{uuid4().hex}.clip")
        with _room():
            return Writer(clip, os.fdopen(os.open(clip.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"))

    def refuse_size(self, size: int) -> None:
        """Refuse a clip of a size that is over the limit.

        Raises:
            Refusal: it is.
        """
        if size > self.max_bytes:
            message = f"of the clip's {size:,} bytes at most {self.max_bytes:,} are taken"
            raise Refusal(413, "too_large", message)

    async def chunks(self, request: Request) -> AsyncIterator[bytes]:
        """The body of a request as it comes, within its times.

        Raises:
            Refusal: it is too slow.
            ClientDisconnect: the sender has gone.
        """
        ends = time.monotonic() + self.body_seconds
        more = True
        while more:
            left = min(self.idle_seconds, ends - time.monotonic())
            try:
                async with asyncio.timeout(max(0.0, left)):
                    message = await request.receive()
            except TimeoutError:
                idle = left == self.idle_seconds
                what = f"nothing came for {left:.0f} s" if idle else "it took too long"
                why = f"the body did not arrive in time: {what}; send it again"
                raise Refusal(408, SLOW, why, headers={"Connection": "close"}) from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            more = request.state.more = bool(message.get("more_body"))
            if chunk := message.get("body", b""):
                yield chunk


class Writer:
    """Writes a clip; ends it with :meth:`done`, or takes it away when it fails."""

    def __init__(self, clip: Clip, file: BinaryIO) -> None:
        self.clip, self._file = clip, file

    def write(self, data: bytes) -> None:
        """Add bytes.

        Raises:
            Refusal: the clip is over its limit, or the disk over its own.
        """
        clip, inbox = self.clip, self.clip.inbox
        if clip.size + len(data) > inbox.max_bytes:
            most = f"{inbox.max_bytes:,}"
            raise Refusal(413, "too_large", f"the clip has more than {most} bytes, the most that are taken")
        if inbox.used + len(data) > inbox.most:
            message = "too many clips are on their way; try again later"
            raise Refusal(503, "no_room", message, retry_after=5)
        with _room():
            self._file.write(data)
        clip.size += len(data)
        inbox.hold(len(data))

    def restart(self) -> None:
        """Forget what was written.

        Raises:
            Refusal: the disk is full.
        """
        with _room():
            self._file.seek(0)
            self._file.truncate()
        self.clip.inbox.hold(-self.clip.size)
        self.clip.size = 0

    def done(self) -> Clip:
        """The whole clip.

        Raises:
            Refusal: the disk is full.
        """
        with _room():
            self._file.close()
        return self.clip

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # what cannot be written any more is removed below
            self._file.close()
        if kind is not None:
            self.clip.remove()


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """Says of a disk without room that the clip may be sent again; the last bytes are written when a file is closed."""
    try:
        yield
    except OSError as error:
        message = "the server cannot keep the clip; try again later"
        raise Refusal(503, "no_room", message, retry_after=30) from error


async def drained(request: Request) -> None:
    """Read what is left of a refused body, for a while: who still sends does not read the refusal."""
    if not getattr(request.state, "more", True) or "expect" in request.headers:
        return  # all of it is here, or its sender waits for the word to send it
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await request.receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
