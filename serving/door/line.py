"""The line of requests before the workers of a version: first come, first served, and full at a known length."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType


class Full(Exception):
    """The line has no room."""


class Line:
    """``async with line`` waits for a free worker and holds it.

    Args:
        places: workers.
        room: how many may wait.
    """

    def __init__(self, places: int, room: int) -> None:
        self.places, self.room = places, room
        self.busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._before: Line | None = None
        self._heir: Line | None = None
        self._alone_from = 0.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def follow(self, before: Line, seconds: float) -> None:
        """Take over from a line that gets no further requests: until it is empty its workers count as places here.

        So the workers of two versions do not share the processor, and whoever came first is answered first.

        Args:
            before: the other line.
            seconds: after which this one has all of its places, whatever is left there.
        """
        if before is self or not before.busy:
            return
        self._before, before._heir = before, self
        self._alone_from = time.monotonic() + seconds
        asyncio.get_running_loop().call_later(seconds, self._admit)

    async def __aenter__(self) -> Line:
        """Wait for a worker.

        Raises:
            Full: too many wait already.
        """
        if not self._waiting and self._free():
            self.busy += 1
            return self
        if len(self._waiting) >= self.room:
            raise Full
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # its turn came in the same moment
            else:
                self._waiting.remove(turn)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self.busy -= 1
        self._admit()
        if self._heir is not None:
            self._heir._admit()

    def _admit(self) -> None:
        while self._waiting and self._free():
            turn = self._waiting.popleft()
            if not turn.done():
                self.busy += 1
                turn.set_result(None)

    def _free(self) -> bool:
        if self._before is not None and (not self._before.busy or time.monotonic() >= self._alone_from):
            self._before._heir, self._before = None, None
        return self.busy + (self._before.busy if self._before else 0) < self.places
