"""The table of a scoring: its columns, and how it is written as Parquet or CSV, a batch of rows at a time."""

from __future__ import annotations

import csv
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from affekt.dataset.cells import cell
from affekt.errors import DataError, UsageError, as_text
from affekt.storage import appearing, is_remote, require_folder_of, upload_file

#: How the columns of probabilities begin, as those of records do.
PROBABILITY = "probability."
#: Rows that are in memory at a time; a row group of Parquet.
_BATCH = 8192
_BOX = ("left", "top", "width", "height")
_FACE = {f"face_{name}": int for name in ("people", "person", *_BOX)}
_FIRST = {"file": str, "label": str, "confidence": float}
_LAST = {
    "modalities": str, "frames": int, "frames_with_face": int, "warnings": str, **_FACE, "model": str,
    "error_code": str, "error": str,
}  # fmt: skip
_KNOWN = {"known_labels": str}
#: Rows as a scoring keeps them.
Rows = Iterable[Mapping[str, Any]]


def check_table(name: str) -> None:
    """Whether a table can be written under a name, in the form that the name ends with.

    Raises:
        UsageError: it ends otherwise.
        DataError: a folder stands in its place, or its own folder is not there.
        ModuleNotFoundError: the package for Parquet is not installed.
    """
    if name.lower().endswith(".parquet"):
        import_module("pyarrow.parquet")  # heavy, and CSV needs none
    elif not name.lower().endswith(".csv"):
        raise UsageError(f"the table is {name!r}; expected a name that ends in .parquet or .csv", code="usage")
    if not is_remote(name):
        require_folder_of(name)
    if not is_remote(name) and Path(name).is_dir():
        raise DataError("is a folder; name a file", code="is_a_folder", where=name)


def write(name: str, labels: Sequence[str], rows: Rows, *, known: bool = False) -> None:
    """Write a table, which appears whole or not at all.

    Columns are ``file``, ``label``, ``confidence``, ``probability.<label>`` for each label, ``modalities``, ``frames``,
    ``frames_with_face``, ``warnings``, ``face_people``, ``face_person``, ``face_left``, ``face_top``, ``face_width``,
    ``face_height`` (of the analysed face, pixels), ``model`` (the digest of what answered), ``error_code`` and
    ``error``; where answers are ``known``, ``known_labels``, those that were named, joined by ``+``. What a row has
    nothing for is null, in CSV empty.

    Args:
        name: local or ``s3://``, checked by :func:`check_table`.
        labels: in their order.
        rows: in their order.
        known: whether some answers are among labels that were named.

    Raises:
        DataError: it cannot be written.
        OSError: likewise, on this machine.
    """
    columns = {**_FIRST, **{f"{PROBABILITY}{label}": float for label in labels}, **_LAST, **(_KNOWN if known else {})}
    put: Callable[[Path, Mapping[str, type], Iterator[dict[str, Any]]], None]
    put = _parquet if name.lower().endswith(".parquet") else _csv
    flat = (flattened(row) for row in rows)
    if not is_remote(name):
        with appearing(name) as part:
            put(part, columns, flat)
        return
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        put(Path(folder, "table"), columns, flat)
        upload_file(Path(folder, "table"), name)


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """A kept row by column; columns that it has nothing for are not there."""
    face, error = row.get("face") or {}, row.get("error") or {}
    found = {
        **{name: row.get(name) for name in ("label", "confidence", "frames", "frames_with_face", "model")},
        **{f"{PROBABILITY}{label}": value for label, value in row.get("probabilities", {}).items()},
        "file": as_text(row["file"]),
        "modalities": "+".join(row.get("modalities", ())) or None,
        "warnings": as_text("; ".join(row.get("warnings", ()))) or None,
        "known_labels": "+".join(row.get("known_labels", ())) or None,
        "face_people": face.get("people"),
        "face_person": face.get("person"),
        **{f"face_{side}": value for side, value in zip(_BOX, face.get("box", ()), strict=False)},
        "error_code": error.get("code"),
        "error": as_text(error.get("message", "")) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _parquet(path: Path, columns: Mapping[str, type], rows: Iterator[dict[str, Any]]) -> None:
    pa, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")  # heavy, and CSV needs none

    kinds = {str: pa.string(), float: pa.float64(), int: pa.int64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


def _csv(path: Path, columns: Mapping[str, type], rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            values = [row.get(name, "") for name in columns]
            writer.writerow([cell(value) if isinstance(value, str) else value for value in values])
