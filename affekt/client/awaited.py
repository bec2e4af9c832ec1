"""Asks a server without waiting: the same client, awaited."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from affekt.client.client import Client
from affekt.client.prediction import Prediction
from affekt.client.sent_clip import Clip, Progress
from affekt.client.threads import Threads
from affekt.errors import AffektError

R = TypeVar("R")


class AsyncClient:
    """As :class:`Client`, awaited; its requests run in threads of its own, ``at_once`` of them.

    Who stops to wait for an answer does not end a request that is on its way, only one that has not begun.
    """

    def __init__(self, url: str, *, at_once: int = 4, **further: Any) -> None:
        self._client = Client(url, at_once=at_once, **further)
        self._threads = Threads(at_once)

    async def predict(
        self, clip: Clip, *, labels: Sequence[str] = (), person: str = "", progress: Progress | None = None
    ) -> Prediction:
        """As :meth:`Client.predict`; ``progress`` is called in another thread."""
        return await self._run(partial(self._client.predict, clip, labels=labels, person=person, progress=progress))

    async def document(self, clip: Clip, *, labels: Sequence[str] = (), person: str = "") -> dict[str, Any]:
        """As :meth:`Client.document`."""
        return await self._run(partial(self._client.document, clip, labels=labels, person=person))

    async def predict_many(
        self, clips: Iterable[Clip], *, labels: Sequence[str] = ()
    ) -> AsyncIterator[Prediction | AffektError]:
        """As :meth:`Client.predict_many`: clips are taken as they are needed."""

        async def tried(clip: Clip) -> Prediction | AffektError:
            try:
                return await self.predict(clip, labels=labels)
            except AffektError as error:
                return error

        waiting = deque[asyncio.Task[Prediction | AffektError]]()
        try:
            for clip in clips:
                waiting.append(asyncio.create_task(tried(clip)))
                if len(waiting) > 2 * self._client.at_once:
                    yield await waiting[0]
                    waiting.popleft()
            while waiting:
                yield await waiting[0]
                waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()

    async def timeline(self, clip: Clip, *, every: float = 2.0, labels: Sequence[str] = ()) -> dict[str, Any]:
        """As :meth:`Client.timeline`."""
        return await self._run(partial(self._client.timeline, clip, every=every, labels=labels))

    async def explain(self, clip: Clip, *, label: str | None = None, frames: int = 3) -> dict[str, Any]:
        """As :meth:`Client.explain`."""
        return await self._run(partial(self._client.explain, clip, label=label, frames=frames))

    async def versions(self) -> list[dict[str, Any]]:
        """As :meth:`Client.versions`."""
        return await self._run(self._client.versions)

    async def ready(self) -> bool:
        """As :meth:`Client.ready`."""
        return await self._run(self._client.ready)

    async def close(self) -> None:
        """As :meth:`Client.close`; what has not begun never does, and what is on its way is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def _run(self, call: Callable[[], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
