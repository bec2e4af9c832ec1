"""Another version in place of the one that answers: tried first, switched to at once, the old one ended when idle."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import AffektError
from affekt.serving.door.versions import Version, Versions

logger = logging.getLogger(__name__)

#: What a worker says of a task that names no clip: it is there, and its door is known to it.
_TRIAL = (400, "bad_clip_name")


@dataclass(frozen=True)
class Swapped:
    """What was done.

    Attributes:
        version: that answers.
        replaced: those that were taken away.
        seconds: it took.
    """

    version: str
    replaced: tuple[str, ...]
    seconds: float


class Swaps:
    """One change of versions at a time.

    Args:
        versions: of the door.
    """

    def __init__(self, versions: Versions) -> None:
        self.versions = versions
        self._one = asyncio.Lock()

    async def replace(self, name: str, folder: Path) -> Swapped:
        """Load a version, try it, make it the default and take all others away.

        Raises:
            AffektError: ``already_deployed``; ``busy`` where another change is under way; or it does not load or fails
                the trial: then nothing has changed.
        """
        if self._one.locked():
            raise AffektError("another change of versions is under way; try again later", code="busy")
        async with self._one:
            started = time.monotonic()
            versions = self.versions
            if name == versions.default:
                raise AffektError(f"version {name} answers already", code="already_deployed")
            old = [version for version in versions.all if version != name]
            added = await versions.add(name, folder)
            try:
                await self._try(added)
            except BaseException:
                await versions.remove(name)
                raise
            versions.default = name
            for other in old:
                await versions.remove(other)
                logger.info("version %s replaced %s", name, other)
            return Swapped(name, tuple(old), time.monotonic() - started)

    async def _try(self, version: Version) -> None:
        status, document = await self.versions.engine.ask(version.name, {"clip": ""}, version.seconds)
        if (status, document.get("error", {}).get("code")) != _TRIAL:
            raise AffektError(f"the trial request was answered with {status}: {document}", code="trial_failed")
