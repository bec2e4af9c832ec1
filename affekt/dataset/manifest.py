"""A CSV file that lists labelled clips or face images, a row each."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath, PurePosixPath

from affekt.dataset.clips import SPLITS, Clip
from affekt.dataset.labels import canonical_label
from affekt.dataset.problems import Problem, some
from affekt.dataset.split_names import canonical_split
from affekt.errors import DataError
from affekt.storage import exists, is_remote, join, list_entries, open_local

NAME = "manifest.csv"
#: The columns that say where the file is; the first that is there counts.
_FILE_COLUMNS = ("uri", "path", "clip")
_OWN_COLUMNS = (*_FILE_COLUMNS, "label", "subject", "split")
_REQUESTS = 16  # at once, for objects that no listing covers


def read_manifest(uri: str) -> tuple[list[Clip], list[Problem]]:
    """The clips that a manifest lists, and what is wrong with its rows.

    Columns: ``path`` (or ``uri`` or ``clip``; relative to the manifest, absolute, or ``s3://``), ``label``, and where
    they are known ``subject`` and ``split``; every further column is an attribute of the clip. With ``clip`` beside
    ``path`` or ``uri`` it is the clip's id, otherwise the path is.

    A row with an unknown label or a missing file is among the clips, so that it is counted; one without a file or
    with an id that was there before is not.

    Raises:
        DataError: the file is missing, is no CSV in UTF-8, or lacks a required column.
    """
    base = join(uri, "..") if is_remote(uri) else str(Path(uri).absolute().parent)
    rows = _Rows(uri, base)
    with open_local(uri) as path:
        for line, cells in _read_rows(path, uri):
            rows.add(line, cells)
    rows.problems += missing_files(rows.clips, base) + rows.without_split()
    return rows.clips, rows.problems


class _Rows:
    """The clips of the rows so far, and what was wrong with them."""

    def __init__(self, uri: str, base: str) -> None:
        self.uri, self.base = uri, base
        self._header: list[str] = []
        self.clips: list[Clip] = []
        self.problems: list[Problem] = []
        self._misspelt: set[str] = set()  # where rows are whose split is not known
        self._first: dict[str, int] = {}  # the line that first used an id

    def add(self, line: int, cells: list[str]) -> None:
        """Take in the next row; the first is the header."""
        where = f"{self.uri}:{line}"
        if not self._header:
            self._header = [name.lower() for name in cells]
            _assert_columns(self._header, where)
            return
        if len(cells) > len(self._header):
            message = (
                f"{len(cells)} cells, but the header has {len(self._header)} columns; "
                "put quotes around a value that holds a comma"
            )
            self.problems.append(Problem("bad_row", where, message))
            return
        row = dict.fromkeys(self._header, "") | dict(zip(self._header, cells, strict=False))
        try:
            identity, location = self._names(row)
        except DataError as error:
            self.problems.append(Problem(error.code, where, error.message))
            return
        if identity in self._first:
            message = f"the clip {identity!r} is already listed in line {self._first[identity]}; remove one of the two"
            self.problems.append(Problem("duplicate_id", where, message))
            return
        self._first[identity] = line
        attributes = {name: value for name, value in row.items() if name not in _OWN_COLUMNS and value}
        split = self._split(row.get("split", ""), where)
        label = self._label(row["label"], split, where)
        self.clips.append(Clip(identity, location, label, row.get("subject", ""), split, where, attributes))

    def without_split(self) -> list[Problem]:
        """An error where some rows name a split and others do not: those would be learned from without being asked."""
        blank = [clip for clip in self.clips if not clip.split and clip.where not in self._misspelt]
        named = len(self.clips) - len(blank)
        if not blank or not named:
            return []
        message = (
            f"{len(blank)} of {len(self.clips)} rows name no split ({some(clip.where for clip in blank)}); fill in "
            f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]} in all rows, or in none to have the splits assigned"
        )
        return [Problem("no_split", blank[0].where, message)]

    def _names(self, row: dict[str, str]) -> tuple[str, str]:
        named = next((row[column] for column in _FILE_COLUMNS if row.get(column)), None)
        if not named:
            raise DataError("the row names no file; fill in its path or remove it", code="no_path")
        location = join(self.base, named)  # raises for a scheme that is neither local nor S3
        given = row.get("clip") if row.get("uri") or row.get("path") else None
        return given or _relative(named, location, self.base), location

    def _split(self, value: str, where: str) -> str:
        if not value:
            return ""
        split = canonical_split(value)
        if split is None:
            near = difflib.get_close_matches(value.strip().lower(), SPLITS, n=1)
            guess = f"; did you mean {near[0]}?" if near else ""
            message = f"unknown split {value!r}{guess}; expected {', '.join(SPLITS)}, or nothing to have it assigned"
            self.problems.append(Problem("unknown_split", where, message))
            self._misspelt.add(where)
        return split or ""

    def _label(self, value: str, split: str, where: str) -> str:
        if not value:
            if split != "test":
                message = "the row has no label; only a clip of the test split may go without one"
                self.problems.append(Problem("no_label", where, message))
            return ""
        try:
            return canonical_label(value)
        except DataError as error:
            self.problems.append(Problem("unknown_label", where, error.message))
            return ""


def _relative(named: str, location: str, base: str) -> str:
    """The id of a file: its path below the manifest's folder, or what the manifest calls it where it is elsewhere."""
    if is_remote(location):
        return location.removeprefix(base.rstrip("/") + "/")
    if PurePath(location).is_relative_to(base):
        return PurePath(location).relative_to(base).as_posix()
    return PurePosixPath(named).as_posix()


def _read_rows(path: Path, uri: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and stripped cells of every row that is not blank, the header first (empty for an empty file)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            for cells in reader:
                stripped = [cell.strip() for cell in cells]
                if any(stripped):
                    yield reader.line_num, stripped
            if reader.line_num == 0:
                raise DataError("the file is empty; expected a header and a row per clip", code="empty", where=uri)
    except UnicodeDecodeError as error:
        raise DataError(f"not a CSV file in UTF-8 ({error.reason})", code="unreadable", where=uri) from error
    except csv.Error as error:
        raise DataError(f"not a readable CSV file: {error}", code="unreadable", where=uri) from error


def _assert_columns(header: list[str], where: str) -> None:
    found = f"found {', '.join(header)}"
    if not any(column in header for column in _FILE_COLUMNS):
        raise DataError(
            f"expected a column named path, uri or clip, separated by commas; {found}",
            code="missing_column",
            where=where,
        )
    if "label" not in header:
        raise DataError(
            f"expected a column named label, separated by commas; {found}", code="missing_column", where=where
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"two columns have the name {', '.join(twice)}", code="bad_row", where=where)


def missing_files(clips: Iterable[Clip], base: str) -> list[Problem]:
    """An error for every clip whose file is not there. In S3 the manifest's folder is listed once."""
    remote = [clip for clip in clips if is_remote(clip.uri)]
    absent = [clip for clip in clips if not is_remote(clip.uri) and not Path(clip.uri).is_file()]
    if remote:
        known = {entry.uri for entry in list_entries(base)} if is_remote(base) else set()
        unlisted = [clip for clip in remote if clip.uri not in known]
        outside = [clip for clip in unlisted if not (is_remote(base) and clip.uri.startswith(base.rstrip("/") + "/"))]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            there = dict(zip((clip.id for clip in outside), pool.map(_there, outside), strict=True))
        absent += [clip for clip in unlisted if not there.get(clip.id)]
    return [
        Problem("missing_file", clip.where, f"there is no file {clip.uri}; correct the path or remove the row")
        for clip in absent
    ]


def _there(clip: Clip) -> bool:
    return exists(clip.uri)
