"""Asks a server without waiting: the same client, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any

from affekt.client.client import Client
from affekt.client.prediction import Prediction
from affekt.client.sent_clip import Clip, Progress
from affekt.errors import AffektError


class AsyncClient:
    """As :class:`Client`, awaited; its requests run in threads of their own, ``at_once`` of them."""

    def __init__(self, url: str, *, at_once: int = 4, **further: Any) -> None:
        self._client = Client(url, at_once=at_once, **further)
        self._room = asyncio.Semaphore(at_once)

    async def predict(
        self, clip: Clip, *, labels: Sequence[str] = (), person: str = "", progress: Progress | None = None
    ) -> Prediction:
        """As :meth:`Client.predict`."""
        async with self._room:
            ask = self._client.predict
            return await asyncio.to_thread(ask, clip, labels=labels, person=person, progress=progress)

    async def predict_many(
        self, clips: Iterable[Clip], *, labels: Sequence[str] = ()
    ) -> AsyncIterator[Prediction | AffektError]:
        """As :meth:`Client.predict_many`."""

        async def tried(clip: Clip) -> Prediction | AffektError:
            try:
                return await self.predict(clip, labels=labels)
            except AffektError as error:
                return error

        tasks = [asyncio.create_task(tried(clip)) for clip in clips]
        try:
            for task in tasks:
                yield await task
        finally:
            for task in tasks:
                task.cancel()

    async def timeline(self, clip: Clip, *, every: float = 2.0, labels: Sequence[str] = ()) -> dict[str, Any]:
        """As :meth:`Client.timeline`."""
        async with self._room:
            return await asyncio.to_thread(self._client.timeline, clip, every=every, labels=labels)

    async def explain(self, clip: Clip, *, label: str | None = None, frames: int = 3) -> dict[str, Any]:
        """As :meth:`Client.explain`."""
        async with self._room:
            return await asyncio.to_thread(self._client.explain, clip, label=label, frames=frames)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
