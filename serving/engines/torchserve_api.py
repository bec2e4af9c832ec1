"""TorchServe's interfaces as the engine uses them: what answers about clips, and what manages models."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from affekt.errors import AffektError
from affekt.serving.engines import unix_http
from affekt.serving.engines.torchserve_configuration import Layout

T = TypeVar("T")


class TorchServeApi:
    """Asks TorchServe, over sockets that nobody else can open, with the keys that it makes when it starts.

    Args:
        name: of the model.
        layout: TorchServe's folders.
    """

    def __init__(self, name: str, layout: Layout) -> None:
        self._name, self._layout = name, layout
        self._inference = self._management = ""
        # Requests wait in threads; the door gives a version no more than it has workers.
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="torchserve")

    async def answers(self) -> bool:
        """Whether it takes requests."""
        try:
            keys = json.loads(self._layout.keys.read_text(encoding="utf-8"))
            self._inference, self._management = keys["inference"]["key"], keys["management"]["key"]
            await self.manage("GET", "/models")
        except (OSError, ValueError, KeyError, AffektError):
            return False
        return True

    async def infer(self, version: str, body: bytes, seconds: float) -> tuple[int, Any]:
        """Status and document of a request to a version.

        Raises:
            AffektError: ``timeout``, or nobody answers.
        """
        path = f"/predictions/{self._name}/{version}"
        return await self._in_thread(
            lambda: unix_http.ask(
                self._layout.socket("inference"), "POST", path, body=body, token=self._inference, timeout=seconds
            )
        )

    async def manage(self, method: str, target: str, query: dict[str, str] | None = None) -> Any:
        """What the management says.

        Raises:
            AffektError: it refuses, or nobody answers.
        """
        status, document = await self._in_thread(lambda: self._asked(method, target, query or {}))
        if status >= 400:
            said = document.get("message", document) if isinstance(document, dict) else document
            raise AffektError(f"TorchServe refused ({status}): {str(said).strip()}", code="refused")
        return document

    async def workers(self, version: str) -> list[dict[str, Any]]:
        """What it says of the workers of a version. Errors as :meth:`manage`."""
        found = await self.manage("GET", f"/models/{self._name}/{version}")
        return list(dict(found[0]).get("workers", []))

    def pids(self, version: str) -> list[int]:
        """The processes of a version's workers."""
        status, described = self._asked("GET", f"/models/{self._name}/{version}", {})
        return [int(worker["pid"]) for worker in described[0]["workers"]] if status == 200 else []

    def close(self) -> None:
        """Take no further calls."""
        self._threads.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def _asked(self, method: str, target: str, query: dict[str, str]) -> tuple[int, Any]:
        path = self._layout.socket("management")
        return unix_http.ask(path, method, target, query=query, token=self._management, timeout=60)
