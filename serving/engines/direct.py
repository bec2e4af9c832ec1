"""The direct engine: worker processes of one thread each, started by the door itself; no Java."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from affekt import events, lifeline
from affekt.errors import AffektError, as_affekt_error
from affekt.processes import LONG_LIVED, ONE_THREAD
from affekt.serving.engines.engine import EngineError, Reply
from affekt.serving.engines.liveness import EVERY, STARTS, Loading, runs, stopped
from affekt.serving.engines.worker import AHEAD
from affekt.serving.time_limits import START_SECONDS

logger = logging.getLogger(__name__)

#: Bytes of the longest answer: pictures of explanations are in it.
_LINE = 64 << 20
#: Seconds between two starts of a worker that ends while it loads.
_PAUSE = 1.0
#: Seconds that a worker gets to end.
_ENDS = 10.0


class DirectEngine:
    """Worker processes that load the ensemble from its own folder (:class:`affekt.serving.engines.engine.Engine`).

    Args:
        name: of the model, for its answers.
        inbox: the folder in which the door puts clips.
        scratch: the folder for temporary files.
        threads: of each worker.
        ahead: workers that are started before there is a version, which the first one gets.
    """

    def __init__(self, name: str, inbox: Path, scratch: Path, threads: int = 1, *, ahead: int = 0) -> None:
        self.name, self.inbox, self.scratch, self.threads, self.ahead = name, inbox, scratch, threads, ahead
        self._spare: list[_Worker] = []
        self._pools: dict[str, _Pool] = {}

    async def start(self) -> None:
        """Start the workers that are there ahead of the first version; they import what they need."""
        for _ in range(self.ahead):
            self._spare.append(await _Worker.launched(self.threads, AHEAD))

    async def add(self, version: str, ensemble: Path, workers: int) -> None:
        """Start the workers of a version and wait until all have loaded it."""
        opened = {
            "ensemble": str(ensemble.absolute()),
            "model": {"name": self.name, "version": version},
            "inbox": str(self.inbox),
            "scratch": str(self.scratch),
            "beside": bool(self._pools),
        }
        pool = _Pool(opened, self.threads, self._spare)
        try:
            # Beside a version that answers one after the other, so that cores are left to it.
            await pool.fill(workers, together=not self._pools)
        except BaseException:
            await pool.stop()
            raise
        finally:
            self._end_spare()
        self._pools[version] = pool

    async def ask(self, version: str, task: Mapping[str, Any], seconds: float) -> Reply:
        """As :meth:`affekt.serving.engines.engine.Engine.ask`."""
        # The work goes on where nobody waits any more: the worker is idle only when it has ended.
        said = await asyncio.shield(asyncio.create_task(self._pool(version).ask(task, seconds)))
        return int(said["status"]), dict(said["document"])

    async def ready(self, version: str) -> int:
        """How many workers have answered last."""
        pool = self._pools.get(version)
        return pool.ready if pool else 0

    async def lost(self) -> str:
        """Never: workers are replaced one by one."""
        return str(await asyncio.get_running_loop().create_future())

    async def remove(self, version: str) -> None:
        """End a version's workers."""
        if pool := self._pools.pop(version, None):
            await pool.stop()

    async def stop(self) -> None:
        """End all workers."""
        self._end_spare()
        for version in list(self._pools):
            await self.remove(version)

    def pids(self, version: str) -> list[int]:
        """The processes of a version's workers."""
        return [worker.pid for worker in self._pool(version).workers]

    def _end_spare(self) -> None:
        while self._spare:
            self._spare.pop().kill()

    def _pool(self, version: str) -> _Pool:
        if version not in self._pools:
            raise EngineError(f"version {version} is not loaded", code="not_ready")
        return self._pools[version]


class _Pool:
    """The workers of a version; one that dies or hangs is replaced."""

    def __init__(self, opened: Mapping[str, Any], threads: int, spare: list[_Worker]) -> None:
        self._opened, self._threads, self._spare = opened, threads, spare
        self.workers: set[_Worker] = set()
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> int:
        return sum(runs(worker.pid) for worker in self.workers)

    async def fill(self, count: int, *, together: bool) -> None:
        for _ in range(1 if together else count):
            starts = [self._start() for _ in range(count if together else 1)]
            for outcome in await asyncio.gather(*starts, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        self._later(self._watch())

    async def ask(self, task: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        worker = await self._free(seconds)
        try:
            return await self._ask(worker, task, seconds)
        except EngineError:
            if not worker.stopped:
                raise
            # That it was stopped is no fault of the clip.
            return await self._ask(await self._free(seconds), task, seconds)

    async def _free(self, seconds: float) -> _Worker:
        try:
            async with asyncio.timeout(seconds):
                worker = await self._idle.get()
                while worker not in self.workers or not runs(worker.pid):
                    self._replace(worker)
                    worker = await self._idle.get()
        except TimeoutError:
            raise EngineError("no worker is ready; try again later", code="not_ready") from None
        return worker

    async def _ask(self, worker: _Worker, task: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(seconds):
                said = await worker.ask(task)
        except TimeoutError:
            self._replace(worker)
            message = f"there was no answer within {seconds:.0f} s, and the worker is replaced"
            raise EngineError(message, code="timeout") from None
        except Exception:  # whatever it was, this worker is not asked again
            self._replace(worker)
            raise
        except asyncio.CancelledError:
            worker.kill()
            raise
        self._idle.put_nowait(worker)
        return said

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        workers, self.workers = self.workers, set()
        await asyncio.gather(*(worker.end() for worker in workers))

    def _replace(self, worker: _Worker) -> None:
        worker.kill()
        if worker in self.workers:
            self.workers.discard(worker)
            logger.warning("worker %d is replaced", worker.pid)
            self._later(self._again())

    async def _again(self) -> None:
        while True:
            try:
                await self._start()
                return
            except (AffektError, OSError) as error:  # also where the system has no room for a process or a file now
                logger.error("a worker does not start: %s", as_affekt_error(error))
                await asyncio.sleep(_PAUSE)

    async def _start(self) -> None:
        for left in reversed(range(STARTS)):
            there = [worker for worker in self._spare if runs(worker.pid)]
            if there:
                self._spare.remove(there[0])
            worker = there[0] if there else await _Worker.launched(self._threads)
            try:
                await worker.load(self._opened)
                break
            except _LostError as error:
                if not left:
                    raise
                logger.warning("%s; another one is started", error.message)
        self.workers.add(worker)
        self._idle.put_nowait(worker)

    async def _watch(self) -> None:
        """Replace workers that died or were stopped, busy or not."""
        while True:
            await asyncio.sleep(EVERY)
            for worker in [worker for worker in self.workers if not runs(worker.pid)]:
                worker.stopped = stopped(worker.pid)
                self._replace(worker)

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _LostError(AffektError):
    """A worker ended or hung while it loaded, which says nothing of the model yet."""


class _Worker:
    """One process of :mod:`affekt.serving.engines.worker`, with one task at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid
        self.stopped = False

    @classmethod
    async def launched(cls, threads: int, *arguments: str) -> _Worker:
        """A worker that has no ensemble yet."""
        environment = {
            **LONG_LIVED,
            **os.environ,
            **dict.fromkeys(ONE_THREAD, str(threads)),
            **lifeline.environment(),
            "OMP_WAIT_POLICY": "passive",  # threads that wait for work of milliseconds would spin
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        process = await asyncio.create_subprocess_exec(
            *lifeline.command("affekt.serving.engines.worker", arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=_LINE,
        )
        return cls(process)

    async def load(self, opened: Mapping[str, Any]) -> None:
        """Have it load its ensemble.

        Raises:
            AffektError: it has not, and is ended.
        """
        try:
            async with asyncio.timeout(START_SECONDS):
                self._send({"opened": opened, "level": logging.INFO})
                await self._got_on(asyncio.create_task(self.ask({})))
        except TimeoutError:
            self.kill()
            raise AffektError("a worker did not load the model in time", code="model_failed") from None
        except EngineError as error:
            self.kill()
            how = _end(await self._process.wait())
            raise _LostError(f"a worker {how} while it loaded the model", code="model_failed") from error
        except BaseException:
            self.kill()
            raise

    async def _got_on(self, loaded: asyncio.Task[Any]) -> None:
        """Wait until it has loaded, as long as it works at that."""
        looks = Loading(self.pid)
        try:
            while not (await asyncio.wait({loaded}, timeout=EVERY))[0]:
                if looks.hung():
                    raise _LostError("a worker hung while it loaded the model, and was ended", code="model_failed")
            loaded.result()
        finally:
            loaded.cancel()

    async def ask(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What the worker answers.

        Raises:
            EngineError: it died, or failed.
            AffektError: it could not load the ensemble.
        """
        self._send(task)
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            match events.read(line.decode(errors="replace")):
                case events.Done(result={"result": result}):
                    return dict(result)
                case events.Done(result={"error": {"message": message}}):
                    raise EngineError(str(message), code="crashed")
                case events.Error() as error:
                    raise AffektError(f"the model could not be loaded: {error.to_exception()}", code="model_failed")
                case events.Text() as said:
                    events.log(said)
        raise EngineError("the worker died; the clip may be sent again", code="crashed")

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        """Tell it to end, which lets it write what it has recorded, and kill it where it does not."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()


def _end(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name
    return f"was ended by {name}{', as for want of memory,' if name == 'SIGKILL' else ''}"
