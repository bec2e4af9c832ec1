"""Tables of traces as Parquet files: written by a server as it answers, and by a training as what to compare with."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from affekt import storage
from affekt.errors import DataError

#: The file of an ensemble's folder with the traces of what it learned from.
REFERENCE = "reference.parquet"
_SUFFIX = ".parquet"
_STAMP = "%Y%m%dT%H%M%S"


def write_table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows of the same columns as a Parquet file; times are kept to the second."""
    buffer = io.BytesIO()
    pd.DataFrame(list(rows)).to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def read_table(uri: str | Path) -> pd.DataFrame:
    """What :func:`write_table` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    content = storage.read_bytes(uri)
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:  # pyarrow's errors are of these
        raise DataError(f"is no table of records ({error})", code="damaged", where=str(uri)) from error


def put_records(folder: str, rows: Sequence[Mapping[str, Any]], *, most_bytes: int) -> str:
    """Write rows into a folder as a file of their own, and remove the oldest files beyond so many bytes.

    Args:
        folder: local or ``s3://``.
        rows: with the same columns.
        most_bytes: that the folder may hold; the new file stays in any case.

    Returns:
        The file's uri.

    Raises:
        DataError: the folder cannot be written.
    """
    # By its name a file is known to be of a time, and of no machine or process.
    name = f"{datetime.now(UTC).strftime(_STAMP)}-{uuid.uuid4().hex[:8]}{_SUFFIX}"
    uri = storage.join(folder, name)
    storage.write_bytes(uri, write_table(rows))
    entries = _files(folder)
    beyond = sum(entry.size for entry in entries) - most_bytes
    for entry in entries:
        if beyond <= 0 or entry.path == name:
            break
        storage.remove(entry.uri)
        beyond -= entry.size
    return uri


def read_records(folder: str, *, since: datetime | None = None, until: datetime | None = None) -> pd.DataFrame:
    """The records of a folder in the order of their times, those in ``[since, until)`` where these are given.

    Raises:
        DataError: there is no such folder, or a file is damaged.
    """
    wanted = []
    for entry in _files(folder):
        written = datetime.strptime(entry.path[:15], _STAMP).replace(tzinfo=UTC)
        if since is None or written >= since.replace(microsecond=0):  # a file holds what came before it was written
            wanted.append(read_table(entry.uri))
    found = pd.concat(wanted, ignore_index=True) if wanted else pd.DataFrame({"time": pd.to_datetime([], utc=True)})
    if since is not None:
        found = found[found["time"] >= pd.Timestamp(since)]
    if until is not None:
        found = found[found["time"] < pd.Timestamp(until)]
    return found.sort_values("time", kind="stable", ignore_index=True)


def _files(folder: str) -> list[storage.Entry]:
    """The files of records, the oldest first; another file in the folder is none."""
    listed = [entry for entry in storage.list_entries(folder) if entry.path.endswith(_SUFFIX) and "/" not in entry.path]
    return sorted((entry for entry in listed if _is_stamped(entry.path)), key=lambda entry: entry.path)


def _is_stamped(name: str) -> bool:
    try:
        datetime.strptime(name[:15], _STAMP)
    except ValueError:
        return False
    return True
