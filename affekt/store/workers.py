"""Prepares clips, one after the other here or in a pool of processes of which one may die without harm."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt import machine, processes, storage
from affekt.errors import AffektError, MediaError, as_affekt_error
from affekt.settings import MediaSettings
from affekt.storage import file_digest
from affekt.store.entries import Store

logger = logging.getLogger(__name__)

#: Seconds beyond twice the decoding limit after which a silent worker is taken for hung.
_GRACE = 120.0
#: Failures that the same bytes will always meet.
_LASTING = ("unreadable", "no_streams", "nothing_usable")
#: Clips that are looked for in the store at a time before any process is started.
_AT_ONCE = 64


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


def run_tasks(tasks: Sequence[Task], store: Store, workers: int, *, apart: bool = False) -> Iterator[Outcome]:
    """The outcome of every task, as they finish.

    Args:
        tasks: the clips.
        store: where they are prepared.
        workers: processes at once; 0 for one each core.
        apart: never in this process, since one of these clips may end the process that prepares it.
    """
    count = min(workers or machine.whole_cores(), len(tasks))
    if count <= 1 and not apart:
        for task in tasks:
            yield run_task(task, store)
        return
    missing: list[Task] = []
    for task, there in _looked_for(tasks, store, count):
        if there:
            yield run_task(task, store)
        else:
            missing.append(task)
    if missing:
        yield from _by_processes(missing, store, count)


def _looked_for(tasks: Sequence[Task], store: Store, count: int) -> Iterator[tuple[Task, bool]]:
    """The tasks, and whether the entry is there and whole; none is looked for any more once most of them are not.

    So no process is started for what is prepared already, and of what is not a little is read twice.
    """
    with ThreadPoolExecutor(count) as pool:  # digests are worked out without Python's lock
        for first in range(0, len(tasks), _AT_ONCE):
            some = list(pool.map(_with_digest, tasks[first : first + _AT_ONCE]))
            there = [bool(task.digest) and store.check(store.key_of(task.digest)) for task in some]
            yield from zip(some, there, strict=True)
            if 2 * sum(there) < len(some):
                yield from ((task, False) for task in tasks[first + _AT_ONCE :])
                return


def _with_digest(task: Task) -> Task:
    """The task with its digest, where that is known or told by a file of this machine."""
    if task.digest or storage.is_remote(task.uri):
        return task
    try:
        return dataclasses.replace(task, digest=file_digest(task.uri))
    except OSError:  # which whoever prepares it tells
        return task


def _by_processes(tasks: Sequence[Task], store: Store, count: int) -> Iterator[Outcome]:
    opened = {"root": store.root, "settings": dataclasses.asdict(store.settings)}
    limit = 2 * store.settings.timeout_seconds + _GRACE
    given = [dataclasses.asdict(task) for task in tasks]
    for ended in processes.run("affekt.store.workers", opened, given, max(1, count), limit=limit):
        if ended.result is None:
            yield Outcome(tasks[ended.number].clip, code=ended.code, reason=ended.reason)
        else:
            yield Outcome(**{**ended.result, "flags": tuple(ended.result["flags"])})


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


def _opened(document: Any) -> Callable[[Any], dict[str, Any]]:
    """What a process of the pool does for each task."""
    import cv2  # heavy, and only the worker needs it here

    from affekt.media import pyav  # knows ffmpeg's command line, which is heavy, too

    cv2.setNumThreads(1)
    pyav.allow()
    store = Store(document["root"], MediaSettings(**document["settings"]))
    return lambda task: dataclasses.asdict(run_task(Task(**task), store))


if __name__ == "__main__":
    processes.serve(_opened)
