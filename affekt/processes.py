"""A pool of processes of one thread each that work through tasks, one at a time, and may die without harm.

A process is started with ``python -m MODULE``, whose ``main`` calls :func:`serve`. It reads a line of JSON that says
what to open, then a line a task, and answers each with an event (:mod:`affekt.events`).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from affekt import events, lifeline
from affekt.errors import as_affekt_error

#: What one process is opened with, and what it is given to do.
Document = Mapping[str, Any]
#: Threads of every library; several processes of one thread do more than threads that wait for each other.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
#: What bounds the memory of a process that lives long: one heap for all threads. glibc gives each its own otherwise,
#: what is free in one serves no other, and a worker grows by some 30 MiB in 1,000 answers.
LONG_LIVED = {"MALLOC_ARENA_MAX": "1"}
#: What keeps the memory of a step of training for the next: glibc gives blocks of 128 KiB to 32 MiB back otherwise, and
#: a tenth of a small network's time goes into pages that are made anew. Other systems do not know the variable.
SAME_MEMORY_AGAIN = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:"
    "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=2147483647",
}
#: Processes that were started before there was anything to do, by their module.
_ready: dict[str, list[_Worker]] = {}


@dataclass(frozen=True)
class Ended:
    """What became of a task.

    Attributes:
        number: of the task.
        result: what the process answered; None where there is no answer.
        code: ``crashed`` or ``timeout`` where there is none, or the code of an error in this task.
        reason: in words.
    """

    number: int
    result: Document | None
    code: str = ""
    reason: str = ""


@contextlib.contextmanager
def ready(module: str, count: int) -> Iterator[None]:
    """Within it, the first so many processes of a module are started already when :func:`run` wants them.

    They import what they need meanwhile; those that nobody wanted end with it.
    """
    waiting = _ready.setdefault(module, [])
    try:
        for _ in range(count):
            waiting.append(_Worker(module))
        yield
    finally:
        while waiting:
            waiting.pop().stop()


def _started(module: str) -> _Worker:
    """A process that waits for what to open."""
    waiting = _ready.get(module, [])
    while waiting:
        worker = waiting.pop()
        if worker.alive:
            return worker
        worker.stop()
    return _Worker(module)


def run(module: str, opened: Document, tasks: Iterable[Document], count: int, *, limit: float) -> Iterator[Ended]:
    """What became of every task, as they end.

    Args:
        module: that the processes run.
        opened: what each is opened with.
        tasks: what to do; each is taken when a process has nothing else to do.
        count: processes, at most.
        limit: seconds after which a process that is silent about a task is taken for hung.

    Raises:
        AffektError: a process could not be opened, so that there is no answer to any task.
    """
    waiting = enumerate(tasks)
    selector = selectors.DefaultSelector()
    workers: set[_Worker] = set()

    def start() -> None:
        if (task := next(waiting, None)) is None:
            return
        worker = _started(module)
        worker.open(opened)
        workers.add(worker)
        selector.register(worker.output, selectors.EVENT_READ, worker)
        worker.give(*task)

    def end(worker: _Worker) -> None:
        selector.unregister(worker.output)
        workers.discard(worker)
        worker.stop()

    try:
        for _ in range(count):
            start()
        while workers:
            for ready, _ in selector.select(timeout=1.0):
                worker: _Worker = ready.data
                ended = worker.receive()
                if ended is None:
                    continue
                if ended.code == "crashed":
                    end(worker)
                    start()
                elif (task := next(waiting, None)) is not None:
                    worker.give(*task)
                else:
                    end(worker)
                yield ended
            for worker in [worker for worker in workers if worker.hung(limit)]:
                end(worker)
                start()
                yield Ended(worker.task, None, "timeout", f"was not done within {limit:.0f} s")
    finally:
        for worker in list(workers):
            end(worker)
        selector.close()


def serve(opening: Callable[[Any], Callable[[Any], Document]]) -> None:
    """Be a process of a pool: open what the first line says, then answer each further line; ends with the input."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    library = logging.getLogger("affekt")
    library.handlers, library.propagate = [events.EventHandler(answers)], False
    try:
        first = json.loads(sys.stdin.buffer.readline())
        library.setLevel(first["level"])
        answer = opening(first["opened"])
    except Exception as error:
        events.write(events.Error.of(error), answers)
        raise
    for line in sys.stdin.buffer:
        started = time.monotonic()
        try:
            result = {"result": answer(json.loads(line))}
        except Exception as error:
            known = as_affekt_error(error)
            result = {"error": {"code": known.code, "message": known.message}}
        events.write(events.Done(time.monotonic() - started, result), answers)


class _Worker:
    """One process of the pool, with at most one task in hand."""

    def __init__(self, module: str) -> None:
        path = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            lifeline.command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # Ctrl-C is for the process that started it, which ends it
            env={**os.environ, **ONE_THREAD, **lifeline.environment(), "PYTHONPATH": path},
        )
        self.task = -1
        self._since = time.monotonic()
        self._part = b""

    def open(self, opened: Document) -> None:
        self._send({"opened": opened, "level": logging.getLogger("affekt").getEffectiveLevel()})

    @property
    def output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def give(self, number: int, task: Document) -> None:
        self.task, self._since = number, time.monotonic()
        self._send(task)

    def _send(self, message: Document) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: the end of its output says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> Ended | None:
        """What has arrived, if it is whole; or what a death means for the task in hand.

        Raises:
            AffektError: the process could not be opened.
        """
        data = os.read(self.output.fileno(), 1 << 20)
        if not data:
            status = self._process.wait()
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            return Ended(self.task, None, "crashed", f"the process that worked on it died ({how})")
        *lines, self._part = (self._part + data).split(b"\n")
        ended = None
        for line in lines:
            match events.read(line.decode(errors="replace")):
                case events.Done(result={"result": result}):
                    ended = Ended(self.task, result)
                case events.Done(result={"error": {"code": code, "message": message}}):
                    ended = Ended(self.task, None, code, message)
                case events.Error() as error:
                    raise error.to_exception()
                case events.Text() | events.Progress() as said:
                    events.log(said)
        return ended

    def hung(self, limit: float) -> bool:
        return time.monotonic() - self._since > limit

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        if self.alive:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
