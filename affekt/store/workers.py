"""Worker processes that prepare clips: each a Python of its own that writes events and may die without harm."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import selectors
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from affekt import events, storage
from affekt.errors import AffektError, MediaError, as_affekt_error
from affekt.settings import MediaSettings
from affekt.storage import file_digest
from affekt.store.entries import Store

logger = logging.getLogger(__name__)

#: Seconds beyond twice the decoding limit after which a silent worker is taken for hung.
_GRACE = 120.0
#: Failures that the same bytes will always meet.
_LASTING = ("unreadable", "no_streams", "nothing_usable")


@dataclass(frozen=True)
class Task:
    """One clip to prepare; ``digest`` is the SHA-256 of the file where that is known without reading it."""

    clip: str
    uri: str
    digest: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a clip: the key of its entry and what the index needs to know, or why there is none."""

    clip: str
    key: str = ""
    digest: str = ""
    frames: int = 0
    frames_with_face: int = 0
    voice: bool = False
    flags: tuple[str, ...] = ()
    decoded: bool = False
    code: str = ""
    reason: str = ""


def run_tasks(tasks: Sequence[Task], store: Store, workers: int) -> Iterator[Outcome]:
    """The outcome of every task, as they finish."""
    count = min(workers or _cores(), len(tasks))
    if count <= 1:
        for task in tasks:
            yield run_task(task, store)
        return
    yield from _run_pool(tasks, store, count)


def run_task(task: Task, store: Store) -> Outcome:
    """Prepare one clip unless its entry is there and whole."""
    decoded, digest = False, task.digest
    try:
        key = store.key_of(digest) if digest else ""
        if not key or not store.check(key):
            with storage.open_local(task.uri) as path:
                digest = file_digest(path)
                key = store.key_of(digest)
                if not store.check(key):
                    with store.preparing(key):
                        if not store.check(key):
                            decoded = True
                            _prepare(path, key, store)
        entry = store.describe(key)
        if "failure" in entry:
            return Outcome(task.clip, digest=digest, code=entry["failure"]["code"], reason=entry["failure"]["reason"])
    except (AffektError, OSError) as error:
        known = as_affekt_error(error)
        return Outcome(task.clip, digest=digest, decoded=decoded, code=known.code, reason=known.message)
    except MemoryError:
        reason = "needs more memory than there is; cut the clip"
        return Outcome(task.clip, digest=digest, decoded=decoded, code="out_of_memory", reason=reason)
    except Exception as error:  # a clip that breaks a library is one failed clip
        logger.exception("%s: cannot be prepared", task.clip)
        reason = f"cannot be prepared ({type(error).__name__}: {error})"
        return Outcome(task.clip, digest=digest, decoded=decoded, code="failed", reason=reason)
    return Outcome(
        task.clip, key, digest, entry["frames"], entry["frames_with_face"], entry["voice"], tuple(entry["flags"]),
        decoded,
    )  # fmt: skip


def _prepare(path: Path, key: str, store: Store) -> None:
    from affekt.media.prepare import prepare_file  # heavy: OpenCV, which what is prepared already does without

    try:
        store.put(key, prepare_file(path, store.settings))
    except MediaError as error:
        if error.code in _LASTING:
            store.put_failure(key, error.code, error.message)
        raise


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """A process of :func:`main`, with at most one task in hand."""

    def __init__(self, store: Store) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[name] = "1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "affekt.store.workers"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        self.task: Task | None = None
        self._since = 0.0
        self._part = b""
        level = logging.getLogger("affekt").getEffectiveLevel()
        self._send({"root": store.root, "settings": dataclasses.asdict(store.settings), "level": level})

    @property
    def output(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def give(self, task: Task) -> None:
        self.task, self._since = task, time.monotonic()
        self._send(dataclasses.asdict(task))

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died: the end of its output says so
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def receive(self) -> Outcome | None:
        """The outcome that has arrived, if it is whole; what a death means for the task in hand.

        Raises:
            AffektError: no clip can be prepared, whichever it is.
        """
        assert self.task is not None
        data = os.read(self.output.fileno(), 65536)
        if not data:
            status = self._process.wait()
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            return Outcome(self.task.clip, code="crashed", reason=f"the process that prepared it died ({how})")
        *lines, self._part = (self._part + data).split(b"\n")
        outcome = None
        for line in lines:
            match events.read(line.decode(errors="replace")):
                case events.Done(result=result):
                    outcome = Outcome(**{**result, "flags": tuple(result["flags"])})
                case events.Error() as error:
                    raise error.to_exception()
                case events.Text() | events.Progress() as said:
                    events.log(said)
        return outcome

    def hung(self, limit: float) -> bool:
        return self.task is not None and time.monotonic() - self._since > limit

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


def _run_pool(tasks: Sequence[Task], store: Store, count: int) -> Iterator[Outcome]:
    waiting = deque(tasks)
    limit = 2 * store.settings.timeout_seconds + _GRACE
    selector = selectors.DefaultSelector()
    workers: set[_Worker] = set()

    def start() -> None:
        worker = _Worker(store)
        workers.add(worker)
        selector.register(worker.output, selectors.EVENT_READ, worker)
        worker.give(waiting.popleft())

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
                outcome = worker.receive()
                if outcome is None:
                    continue
                if outcome.code == "crashed":
                    end(worker)
                    if waiting:
                        start()
                elif waiting:
                    worker.give(waiting.popleft())
                else:
                    end(worker)
                yield outcome
            for worker in [worker for worker in workers if worker.hung(limit)]:
                assert worker.task is not None
                outcome = Outcome(worker.task.clip, code="timeout", reason=f"was not prepared within {limit:.0f} s")
                end(worker)
                if waiting:
                    start()
                yield outcome
    finally:
        for worker in list(workers):
            end(worker)
        selector.close()


def main() -> None:
    """Read a line with the store, then a line a task; answer each with an event. Ends with its input."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    library = logging.getLogger("affekt")
    library.handlers, library.propagate = [events.EventHandler(answers)], False
    try:
        import cv2  # heavy, and only the worker needs it here

        cv2.setNumThreads(1)
        first = json.loads(sys.stdin.buffer.readline())
        library.setLevel(first["level"])
        store = Store(first["root"], MediaSettings(**first["settings"]))
    except Exception as error:
        events.write(events.Error.of(error), answers)
        raise
    for line in sys.stdin.buffer:
        started = time.monotonic()
        outcome = run_task(Task(**json.loads(line)), store)
        events.write(events.Done(time.monotonic() - started, dataclasses.asdict(outcome)), answers)


if __name__ == "__main__":
    main()
