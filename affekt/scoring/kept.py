"""Rows of a table that is not done: kept in parts that appear whole, so that a killed scoring goes on where it was."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from affekt import storage
from affekt.argument_names import argument
from affekt.counted import counted
from affekt.errors import AffektError, DataError

logger = logging.getLogger(__name__)

_PLAN = "plan.json"
_LOCK = "lock"
_PART = re.compile(r"(\d{9})-(\d+)\.jsonl")
#: A part ends after so many rows, or at the first row after so many seconds: what a kill costs at most.
_ROWS, _SECONDS = 1000, 5.0


class Kept:
    """The rows so far, in the order of the files. Build with :func:`opened`.

    Attributes:
        count: rows that are kept.
    """

    def __init__(self, folder: str, parts: list[str], count: int, *, seconds: float = _SECONDS) -> None:
        self._folder, self._parts, self.count = folder, parts, count
        self._seconds = seconds
        self._open: list[bytes] = []
        self._began = time.monotonic()

    def add(self, row: Mapping[str, Any]) -> None:
        """Take the row of the next file."""
        if not self._open:
            self._began = time.monotonic()
        self._open.append(json.dumps(row).encode("ascii"))
        if len(self._open) >= _ROWS or time.monotonic() - self._began >= self._seconds:
            self.flush()

    def flush(self) -> None:
        """Write what was taken since the last part."""
        if self._open:
            uri = storage.join(self._folder, f"{self.count:09d}-{len(self._open)}.jsonl")
            storage.write_bytes(uri, b"".join(line + b"\n" for line in self._open))
            self._parts.append(uri)
            self.count += len(self._open)
            self._open = []

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows that are kept, in order."""
        for part in self._parts:
            for line in storage.read_bytes(part).splitlines():
                yield json.loads(line)

    def remove(self) -> None:
        """Remove them, and the folder if it holds nothing else; the table has them."""
        _clear(self._folder)
        if not storage.is_remote(self._folder):
            for cut_off in Path(self._folder).glob(".*.part"):  # a kill came while a part was written
                shutil.rmtree(cut_off, ignore_errors=True)
            Path(self._folder, _LOCK).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # something else lies there
                Path(self._folder).rmdir()


@contextlib.contextmanager
def opened(
    folder: str, files: Sequence[str], identity: str, *, fresh: bool, seconds: float = _SECONDS
) -> Iterator[Kept]:
    """The rows that are kept in a folder for these files, of which there are none at the first time.

    Args:
        folder: local or ``s3://``.
        files: all of the table, in order.
        identity: of what answers.
        fresh: whether what is kept of another start is thrown away.
        seconds: after which a part ends.

    Raises:
        DataError: what is kept is of other files or of something else that answers, or another process is at it.
    """
    names = hashlib.sha256()
    for name in files:
        names.update(json.dumps(name).encode("ascii"))
    plan = {"format": 1, "files": len(files), "names": names.hexdigest(), "by": identity}
    with _alone(folder):
        if fresh:
            _clear(folder)
        there = {entry.path: entry.uri for entry in _entries(folder)}
        parts, count = _whole(there)
        if count and _PLAN in there:
            _check(_plan_in(there[_PLAN]), plan, folder)
            parts, count = _of_what_is_there(parts, files)
        else:
            _clear(folder)
            parts, count = [], 0
            storage.write_bytes(storage.join(folder, _PLAN), json.dumps(plan).encode())
        rows = Kept(folder, parts, count, seconds=seconds)
        try:
            yield rows
        finally:
            if not rows.count:
                rows.remove()


def _plan_in(uri: str) -> dict[str, Any]:
    try:
        return dict(json.loads(storage.read_bytes(uri)))
    except (ValueError, TypeError) as error:
        raise DataError(
            f"cannot be read; begin anew with {argument('fresh', command='score')}, or name another table",
            code="damaged",
            where=uri,
        ) from error


def _whole(there: Mapping[str, str]) -> tuple[list[str], int]:
    """The parts up to the first gap or damage, and their rows."""
    parts: list[str] = []
    count = 0
    for name in sorted(there):
        found = _PART.fullmatch(name)
        if not found or int(found[1]) != count:
            continue
        if storage.read_bytes(there[name]).count(b"\n") != int(found[2]):
            break
        parts.append(there[name])
        count += int(found[2])
    return parts, count


def _of_what_is_there(parts: list[str], files: Sequence[str]) -> tuple[list[str], int]:
    """The parts up to one that is damaged, or has a row whose file was changed later, and their rows; those behind are
    removed.
    """
    count = 0
    for number, part in enumerate(parts):
        rows = _rows_in(part, files[count:])
        changed = _changed((row["file"] for row in rows), part)
        if not rows:
            logger.warning("%s is not as it was written: its files and those behind them are scored again", part)
        elif changed:
            logger.warning("%s was changed since it was scored: it and those behind it are scored again", changed)
        if changed or not rows:
            for later in reversed(parts[number:]):
                storage.remove(later)
            return parts[:number], count
        count += len(rows)
    return parts, count


def _rows_in(part: str, files: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a part, one for each of the next files; none where it is damaged."""
    try:
        rows = [json.loads(line) for line in storage.read_bytes(part).splitlines()]
    except ValueError:
        return []
    return rows if len(rows) <= len(files) and all(map(_is_row, rows, files)) else []


def _is_row(row: Any, name: str) -> bool:
    if not isinstance(row, dict) or row.get("file") != name:
        return False
    error, probabilities = row.get("error"), row.get("probabilities")
    if error is not None:
        return isinstance(error, dict) and {"code", "message"} <= error.keys()
    return isinstance(probabilities, dict) and row.get("label") in probabilities and isinstance(row.get("model"), str)


def _changed(names: Iterable[str], part: str) -> str:
    """The first file of this machine that became another one after a part of it was written; empty for none."""
    if storage.is_remote(part):
        return ""
    written = Path(part).stat().st_mtime_ns
    for name in names:
        with contextlib.suppress(OSError, ValueError):  # it is gone, and its row stays
            # Not the time of its content, which a copy may have from its original.
            if not storage.is_remote(name) and Path(name).stat().st_ctime_ns > written:
                return name
    return ""


def _check(before: Mapping[str, Any], plan: Mapping[str, Any], folder: str) -> None:
    if before == plan:
        return
    if (before.get("files"), before.get("names")) != (plan["files"], plan["names"]):
        what = f"of other files ({counted(before.get('files', 0), 'files')}; these are {plan['files']:,})"
    else:
        what = f"by another model or server ({before.get('by')}; this is {plan['by']})"
    raise DataError(
        f"holds the rows of a scoring that was not done, {what}; start that one again, or begin anew with "
        f"{argument('fresh', command='score')}",
        code="other_scoring",
        where=folder,
    )


def _entries(folder: str) -> list[storage.Entry]:
    try:
        return storage.list_entries(folder)
    except DataError as error:
        if error.code == "missing_file":
            return []
        raise


def _clear(folder: str) -> None:
    # The plan last: without it, what was left of a removal that was killed would be taken for rows of another.
    for entry in sorted(_entries(folder), key=lambda entry: entry.path == _PLAN):
        if entry.path == _PLAN or _PART.fullmatch(entry.path):
            storage.remove(entry.uri)


@contextlib.contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Within it, no other process of this machine scores into the folder; in S3 nobody can see to that."""
    if storage.is_remote(folder):
        yield
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    with Path(folder, _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AffektError(
                "another process scores into this table; wait for it, or name another one", code="busy", where=folder
            ) from None
        yield
