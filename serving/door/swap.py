"""Another version beside or in place of the one that answers: tried first, watched, taken back where it is worse."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from affekt.errors import AffektError
from affekt.serving.door.tally import Comparison
from affekt.serving.door.trial import Trial, ask_trials
from affekt.serving.door.versions import Version, Versions

logger = logging.getLogger(__name__)

#: A version is taken back when, of so many requests since it was put in place, more than this share failed through the
#: server's fault, or when a worker takes so many times as long as one of the version before.
FEWEST, MOST_FAILED, MOST_SLOWER = 10, 0.1, 3.0
#: Seconds by which they have to take longer at least: of fast ones the times are noise.
NOTICED = 0.05
#: Seconds for which a version is watched, and between two looks.
WATCH_SECONDS, _LOOK = 60.0, 0.5
#: Seconds in which the version before answers what waits for it, before the new one has all of its workers.
_HAND_OVER = 6.0


@dataclass(frozen=True)
class Swapped:
    """What was done.

    Attributes:
        version: that was put in place.
        replaced: those that were taken away, or will be when the new one has been watched.
        seconds: it took.
    """

    version: str
    replaced: tuple[str, ...]
    seconds: float


class Swaps:
    """One change of versions at a time.

    Args:
        versions: of the door.
        watch: seconds for which a new version is watched while the old one is kept.
        slower: times as long as the version before that a new one may take for an answer.
    """

    def __init__(self, versions: Versions, watch: float = WATCH_SECONDS, slower: float = MOST_SLOWER) -> None:
        self.versions, self.watch, self.slower = versions, watch, slower
        self.said = ""
        self._one = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        #: The version that can come back, while one in its place is watched.
        self._before = ""

    async def replace(self, name: str, folder: Path, trials: Sequence[Trial] = ()) -> Swapped:
        """Load a version, try it, make it the default; the others go when it has been watched.

        Raises:
            AffektError: ``already_deployed``; ``busy`` where another change is under way; or it does not load or fails
                a trial: then nothing has changed.
        """
        started = time.monotonic()
        async with self._alone():
            added = await self._added(name, folder, trials)
            return await self._put(added, started)

    async def beside(self, name: str, folder: Path, trials: Sequence[Trial], *, percent: float, shadow: bool) -> None:
        """Load and try a version, and send it a share of the requests, or copies of them; errors as :meth:`replace`."""
        async with self._alone():
            if self.versions.canary or self.versions.shadow:
                raise AffektError("another version is on trial; promote or abort it first", code="busy")
            await self._added(name, folder, trials)
            if shadow:
                self.versions.shadow, self.versions.comparison = name, Comparison()
            else:
                self.versions.canary, self.versions.percent = name, percent
            self.said = ""
            self._begin_watch(name, "")

    async def promote(self) -> Swapped:
        """Make the version on trial the default.

        Raises:
            AffektError: ``no_trial``: there is none.
        """
        started = time.monotonic()
        async with self._alone():
            version = self._on_trial()
            await self._end_watch()
            return await self._put(version, started)

    async def abort(self, why: str = "aborted") -> str:
        """Take the version on trial away, or one that is watched back; its name. Errors as :meth:`promote`."""
        async with self._alone():
            before = self._before
            name = self.versions.default if before else self._on_trial().name
            await self._cancel_watch()
            self.versions.default = before or self.versions.default
            await self._withdraw(name, why)
            return name

    def status(self) -> dict[str, Any]:
        """What there is and how it does."""
        versions = self.versions
        return {
            "default": versions.default,
            "canary": versions.canary,
            "percent": versions.percent if versions.canary else 0,
            "shadow": versions.shadow,
            "watching": self._watching is not None and not self._watching.done(),
            "said": self.said,
            "versions": {
                name: {**version.tally.to_dict(), "digest": version.digest} for name, version in versions.all.items()
            },
            "comparison": versions.comparison.to_dict() if versions.shadow else None,
        }

    def _alone(self) -> asyncio.Lock:
        if self._one.locked():
            raise AffektError("another change of versions is under way; try again later", code="busy")
        return self._one

    def _on_trial(self) -> Version:
        name = self.versions.canary or self.versions.shadow
        if not name:
            raise AffektError("no version is on trial", code="no_trial")
        return self.versions.all[name]

    async def _added(self, name: str, folder: Path, trials: Sequence[Trial]) -> Version:
        if name in self.versions.all:
            raise AffektError(f"version {name} is there already", code="already_deployed")
        await self._end_watch()
        try:
            added = await self.versions.add(name, folder)
            try:
                await self._try(added, trials)
            except BaseException:
                await self.versions.remove(name)
                raise
        except BaseException:
            if on_trial := self.versions.canary or self.versions.shadow:
                self._begin_watch(on_trial, "")  # it stays, and nobody else looks after it
            raise
        return added

    async def _put(self, version: Version, started: float) -> Swapped:
        versions = self.versions
        before = versions.default
        if before in versions.all:
            version.line.follow(versions.all[before].line, _HAND_OVER)
        versions.default, versions.canary, versions.shadow = version.name, "", ""
        version.tally.forget()
        self.said = ""
        old = [name for name in versions.all if name != version.name]
        self._begin_watch(version.name, before)
        return Swapped(version.name, tuple(old), time.monotonic() - started)

    async def _try(self, version: Version, trials: Sequence[Trial]) -> None:
        # Every worker gets one: its first answer pays for what the others do not.
        each = list(islice(cycle(trials), max(len(trials), version.line.places)))
        await ask_trials(self.versions.engine, version, each, behind=True)

    def _begin_watch(self, name: str, before: str) -> None:
        self._before = before
        self._watching = asyncio.create_task(self._watch(name, before))

    async def _watch(self, name: str, before: str) -> None:
        """Keep the version before while a new one shows itself; take the new one back where it is worse."""
        ends = time.monotonic() + self.watch
        while time.monotonic() < ends or not before:
            await asyncio.sleep(_LOOK)
            if name not in self.versions.all:
                return
            if why := self._worse(self.versions.all[name], self.versions.all.get(before or self.versions.default)):
                if before:
                    self.versions.default, self._before = before, ""
                await self._withdraw(name, f"version {name} was taken back: {why}")
                return
        self._before = ""
        for other in [other for other in self.versions.all if other != name]:
            await self.versions.remove(other)
            logger.info("version %s replaced %s", name, other)

    def _worse(self, version: Version, other: Version | None) -> str:
        tally = version.tally
        if tally.count < FEWEST:
            return ""
        if tally.failed > MOST_FAILED * tally.count:
            return f"{tally.failed} of {tally.count} attempts failed"
        if other is None or min(len(tally.worked), len(other.tally.worked)) < FEWEST:
            return ""
        took, before = tally.usual, other.tally.usual
        if took > self.slower * before and took - before > NOTICED:
            return f"an answer takes {took:.2f} s, and {before:.2f} s with version {other.name}"
        return ""

    async def _withdraw(self, name: str, why: str) -> None:
        versions = self.versions
        versions.canary = "" if versions.canary == name else versions.canary
        versions.shadow = "" if versions.shadow == name else versions.shadow
        self.said = why
        logger.warning("%s", why)
        await versions.remove(name)

    async def _end_watch(self) -> None:
        """Finish what is watched: who asks for the next change is content with the last."""
        await self._cancel_watch()
        versions = self.versions
        kept = {versions.default, versions.canary, versions.shadow}
        for other in [other for other in versions.all if other not in kept]:
            await versions.remove(other)

    async def _cancel_watch(self) -> None:
        watching, self._watching, self._before = self._watching, None, ""
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
