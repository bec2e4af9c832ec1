"""The versions of the model behind the door, and how a request gets its answer from one of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from affekt.counted import there_are
from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.errors import AffektError
from affekt.model_names import NAME
from affekt.serving.door.inbox import Clip
from affekt.serving.door.line import Full, Line
from affekt.serving.door.refusal import ENGINE_STATUS, Refusal
from affekt.serving.door.tally import Comparison, Tally
from affekt.serving.engines.engine import Engine, EngineError, Reply
from affekt.serving.time_limits import MODEL_SECONDS
from affekt.storage import file_digest


@dataclass
class Version:
    """One version, with its line.

    Attributes:
        name: the registry's number, or another word.
        folder: of its ensemble.
        line: before its workers.
        seconds: that a worker may take for one clip.
        labels: that it tells apart.
        max_bytes: the largest clip that it takes.
        digest: of its ensemble, as answers have it.
        took: seconds that the last answers took, about.
        tally: of its requests.
        asked: requests that it has not answered yet.
    """

    name: str
    folder: Path
    line: Line
    seconds: float
    labels: tuple[str, ...]
    max_bytes: int
    digest: str
    took: float = 1.0
    tally: Tally = field(default_factory=Tally)
    asked: int = 0

    @property
    def retry_after(self) -> int:
        """Seconds until the line is likely to have moved on."""
        return max(1, min(60, round(self.took * (self.line.waiting + 1) / self.line.places)))


class Watcher(Protocol):
    """Hears how each version does."""

    def worked(self, version: Version, arm: str, seconds: float, code: str) -> None:
        """A version was asked, on trial or not, and its worker took so many seconds; the code is of an error."""

    def compared(self, agree: bool, shift: float | None) -> None:
        """An answer of the shadow was held against the one that the client got."""

    def passed_over(self) -> None:
        """A request was not copied to the shadow, which had no time for it."""


class Versions:
    """All versions; requests that name none get the default.

    Args:
        model: its name.
        engine: that computes.
        workers: of each version.
        room: requests that may wait for each.
    """

    def __init__(self, model: str, engine: Engine, *, workers: int, room: int) -> None:
        self.model, self.engine, self.workers, self.room = model, engine, workers, room
        self.default = self.canary = self.shadow = ""
        self.percent = 0.0
        self.comparison = Comparison()
        self.all: dict[str, Version] = {}
        self.watcher: Watcher | None = None
        self._left: set[asyncio.Task[Reply]] = set()
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def add(self, name: str, folder: Path) -> Version:
        """Load a version; nobody is sent to it yet.

        Raises:
            AffektError: it cannot be loaded, or be called so.
        """
        if not NAME.fullmatch(name):  # it stands in addresses and in the names of files
            message = "a version begins with a letter or digit, and has letters, digits, '_', '-' and '.' only"
            raise AffektError(message, code="bad_name", where=name[:80] or '""')
        manifest = read_manifest(folder, checked=False)  # the engine's workers check what they load
        if name in self._leaving:
            await asyncio.wait({self._leaving[name]})  # the engine knows it until then
        await self.engine.add(name, folder, self.workers)
        media = manifest["settings"]["media"]
        seconds = float(media["timeout_seconds"]) + MODEL_SECONDS
        labels = tuple(manifest["labels"])
        digest = (await asyncio.to_thread(file_digest, folder / MANIFEST))[:16]
        line = Line(self.workers, self.room)
        added = Version(name, folder, line, seconds, labels, int(media["max_bytes"]), digest)
        self.all[name] = added
        return added

    async def remove(self, name: str) -> None:
        """Take a version away when it has answered what it was asked; nobody is sent to it any more.

        It goes also where whoever asked for that is cancelled meanwhile.
        """
        version = self.all.pop(name)

        async def leave() -> None:
            while version.asked:
                await asyncio.sleep(0.05)
            await self.engine.remove(name)

        leaving = self._leaving[name] = asyncio.create_task(leave())
        leaving.add_done_callback(lambda _: self._leaving.pop(name, None))
        await asyncio.shield(leaving)

    def named(self, model: str, version: str | None = None, key: str = "") -> Version:
        """The version that a request names; else the canary for its share of all keys, and the default for the rest.

        Args:
            model: that is asked.
            version: that is named.
            key: of the request; the same key gets the same version.

        Raises:
            Refusal: there is none of that name.
        """
        if model != self.model:
            raise Refusal(404, "no_model", f"Model not found: {model[:80]}; there is {self.model}")
        meant = version
        if meant is None:
            meant = self.canary if self.canary and _share(key, self.canary) < self.percent else self.default
        found = self.all.get(meant)
        if found is None:
            if version is None:
                raise Refusal(503, "not_ready", "no version answers yet", retry_after=2)
            raise Refusal(404, "no_version", f"{model} has no version {version[:80]}; {there_are(list(self.all))}")
        return found

    def arm(self, name: str) -> str:
        """What a version is at this moment: ``canary``, ``shadow``, ``default``, or ``other`` beside it."""
        arms = {self.canary: "canary", self.shadow: "shadow", self.default: "default"}
        return arms.get(name, "other")

    async def reply(
        self,
        version: Version,
        clip: Clip,
        task: dict[str, Any],
        gone: asyncio.Task[None],
        note: dict[str, Any] | None = None,
    ) -> Reply:
        """What a version answers about a clip, which is removed at the end.

        Args:
            version: that is asked.
            clip: in the inbox.
            task: what is asked, besides the clip's name.
            note: of the request: its ``id``, under which a caller may send it again; gets the seconds in the ``queue``.
            gone: is done when the caller has gone; then what waits is given up, and what is computed ends soon.

        Raises:
            Refusal: the line is full, or the engine has no answer.
            asyncio.CancelledError: the caller has gone.
        """
        work = self._begun(version, self._computed(version, clip, task, note))
        copy = self._copied(version, clip) if not task else None
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            self._compare(copy, work)
            return work.result()
        if copy is not None:
            copy.remove()
        # A worker that is busy with it sees that the clip is gone; its place in the line is free when it has ended.
        clip.remove()
        raise Gone

    def _copied(self, version: Version, clip: Clip) -> Clip | None:
        """The clip once more for the shadow, if there is one that has time for it."""
        shadow = self.all.get(self.shadow)
        if shadow is None or version is shadow:
            return None
        if shadow.line.busy + shadow.line.waiting < shadow.line.places:
            with contextlib.suppress(OSError):  # the disk takes no further name; the answer is not lost with it
                return clip.again()
        self.comparison.passed_over += 1
        if self.watcher:
            self.watcher.passed_over()
        return None

    def _compare(self, copy: Clip | None, work: asyncio.Task[Reply]) -> None:
        shadow = self.all.get(self.shadow)
        if copy is None:
            return
        if shadow is None or work.exception() is not None:
            copy.remove()
            return
        answer = work.result()[1]

        async def compare() -> Reply:
            said = await self._computed(shadow, copy, {})
            agree, shift = self.comparison.add(answer, said[1])
            if self.watcher:
                self.watcher.compared(agree, shift)
            return said

        self._begun(shadow, compare())

    def _begun(self, version: Version, work: Coroutine[Any, Any, Reply]) -> asyncio.Task[Reply]:
        """Work that a version has from this moment on, so that it is not taken away before."""
        version.asked += 1
        task = asyncio.create_task(work)
        self._left.add(task)

        def ended(task: asyncio.Task[Reply]) -> None:
            version.asked -= 1
            self._left.discard(task)
            if not task.cancelled():
                task.exception()  # looked at, since nobody may wait for it

        task.add_done_callback(ended)
        return task

    async def _computed(
        self, version: Version, clip: Clip, task: dict[str, Any], note: dict[str, Any] | None = None
    ) -> Reply:
        began = started = time.monotonic()
        arm = self.arm(version.name)
        request = str((note or {}).get("id", ""))
        try:
            async with version.line:
                if not clip.size:
                    raise Gone
                started = time.monotonic()
                if note is not None:
                    note["queue"] = round(started - began, 5)
                said = await self.engine.ask(version.name, {**task, "clip": clip.name}, version.seconds)
                now = time.monotonic()
                version.took += 0.2 * (now - started - version.took)
                # How long a clip takes that cannot be used, or a timeline, says nothing of how quick a version is.
                worked = now - started if said[0] == 200 and "kind" not in task else None
                version.tally.add(now - began, worked, failed=said[0] >= 500, request=request)
                self._worked(version, arm, now - started, said[1].get("error", {}).get("code", ""))
                return said
        except Full:
            message = f"{version.line.room} requests wait already; try again later"
            self._worked(version, arm, 0.0, "busy")
            raise Refusal(503, "busy", message, retry_after=version.retry_after) from None
        except EngineError as error:
            now = time.monotonic()
            version.tally.add(now - began, None, failed=True, request=request)
            self._worked(version, arm, now - started, error.code)
            status = ENGINE_STATUS.get(error.code, 500)
            wait = version.retry_after if status == 503 else 0
            raise Refusal(status, error.code, error.message, retry_after=wait) from error
        finally:
            clip.remove()

    def _worked(self, version: Version, arm: str, seconds: float, code: str) -> None:
        if self.watcher:
            self.watcher.worked(version, arm, seconds, code)


def _share(key: str, canary: str) -> float:
    """A place from 0 to 100 for a key, the same each time and other for each canary."""
    return int.from_bytes(hashlib.sha256(f"{canary}:{key}".encode()).digest()[:4], "big") / 2**32 * 100


class Gone(Exception):
    """The caller has gone; nobody reads an answer."""
