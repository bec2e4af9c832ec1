"""What the door asks of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from affekt.errors import AffektError

#: A status and a JSON document.
Reply = tuple[int, dict[str, Any]]


class EngineError(AffektError):
    """The engine has no answer, through no fault of the clip."""


class Engine(Protocol):
    """Versions of one model, each with workers that answer one task at a time.

    Attributes:
        inbox: the folder in which the door puts clips; tasks name files in it.
    """

    inbox: Path

    async def start(self) -> None:
        """Be ready to take versions.

        Raises:
            AffektError: it does not start.
        """

    async def add(self, version: str, ensemble: Path, workers: int) -> None:
        """Load a version; returns when all its workers can answer.

        Raises:
            AffektError: it cannot be loaded; nothing of it is left then.
        """

    async def ask(self, version: str, task: Mapping[str, Any], seconds: float) -> Reply:
        """What a worker of a version says to a task. Cancelling does not end the work: that ends when its clip is gone.

        Args:
            version: that is asked.
            task: as :meth:`affekt.serving.predictor.Predictor.reply` takes it.
            seconds: after which a worker is taken for hung, ended and replaced.

        Raises:
            EngineError: ``timeout``, ``crashed`` or ``not_ready``.
        """

    async def ready(self, version: str) -> int:
        """How many workers of a version can answer."""

    async def lost(self) -> str:
        """Why nothing can be answered any more, whatever is replaced; waits until that is so.

        A server that has lost its engine ends, so that whoever keeps it running starts it again.
        """

    async def remove(self, version: str) -> None:
        """Take a version away that nobody asks any more."""

    async def stop(self) -> None:
        """End all workers. Idempotent."""

    def pids(self, version: str) -> list[int]:
        """The processes of a version's workers."""
