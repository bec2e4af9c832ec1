"""The line of requests before the workers of a version: first come, first served, and full at a known length."""

from __future__ import annotations

import asyncio
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

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def __aenter__(self) -> Line:
        """Wait for a worker.

        Raises:
            Full: too many wait already.
        """
        if self.busy < self.places:
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
                self._next()  # its turn came in the same moment
            else:
                self._waiting.remove(turn)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._next()

    def _next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.busy -= 1
