"""A CSV file that lists labelled clips or face images, a row each."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from affekt.counted import counted
from affekt.dataset.clips import SPLITS, Clip
from affekt.dataset.doubled_columns import DoubledColumns
from affekt.dataset.half_splits import HalfSplits
from affekt.dataset.labels import canonical_label
from affekt.dataset.nearly_named import nearly_named
from affekt.dataset.nobody import names_nobody
from affekt.dataset.numbered_subjects import WRITTEN_SO, whole_subjects
from affekt.dataset.problems import Problem, some
from affekt.dataset.same_names import made_of_others
from affekt.dataset.several_forms import several_forms
from affekt.dataset.split_column import split_by_values
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import Row, Table, is_missing, is_table_name, known_columns, open_table
from affekt.dataset.told_by_paths import told_by_paths
from affekt.dataset.unread_columns import unread_columns
from affekt.dataset.words_as_one import words_as_one
from affekt.errors import DataError
from affekt.storage import exists, is_remote, join, list_entries, open_local

NAME = "manifest.csv"
#: The columns that say where the file is; the first that is there counts.
_FILE_COLUMNS = ("uri", "path", "clip", "file", "filename", "file_name", "filepath", "file_path")
_REQUESTS = 16  # at once, for objects that no listing covers


def manifest_of(folder: str) -> str | None:
    """The manifest that lies in a folder, ``manifest.csv`` or in another form of table; None where there is none.

    Raises:
        DataError: there are several.
    """
    if exists(join(folder, NAME)):
        return join(folder, NAME)
    if is_remote(folder):
        names = [entry.path for entry in list_entries(folder) if "/" not in entry.path] if exists(folder) else []
    else:
        names = [path.name for path in Path(folder).iterdir()] if Path(folder).is_dir() else []
    found = sorted(name for name in names if name.lower().startswith("manifest.") and is_table_name(name))
    if len(found) > 1:
        raise DataError(f"holds several manifests; keep one: {', '.join(found)}", code="ambiguous", where=folder)
    return join(folder, found[0]) if found else None


def read_manifest(uri: str) -> tuple[list[Clip], list[Problem]]:
    """The clips that a manifest lists, and what is wrong with its rows.

    Any form of table is read (:mod:`affekt.dataset.tables`). Columns: ``path`` (or ``uri``, ``clip``, ``file``,
    ``filename``; relative to the manifest, absolute, or ``s3://``), ``label`` (or ``emotion``), and where they are
    known ``subject`` and ``split``, which is also found by its cells; every further column is an attribute of the
    clip. With ``clip`` beside ``path`` or ``uri`` it is the clip's id, otherwise the path is.

    A row with an unknown label or a missing file is among the clips, so that it is counted; one without a file or
    with an id that was there before is not.

    Raises:
        DataError: the file is missing, is no CSV in UTF-8, or lacks a required column.
    """
    base = join(uri, "..") if is_remote(uri) else str(Path(uri).absolute().parent)
    with open_local(uri) as path:
        split = split_by_values(path, uri, _FILE_COLUMNS)
        with open_table(path, uri) as table:
            rows = _Rows(table, uri, base, split)
            for row in table.rows():
                rows.add(row)
    rows.problems += rows.whole_subjects()
    rows.problems += missing_files(rows.clips, base) + rows.without_split() + rows.contradictions()
    rows.problems += told_by_paths(rows.clips, uri) + words_as_one(rows.words, uri)
    rows.problems += made_of_others([clip.id for clip in rows.clips if not clip.subject], uri)
    rows.problems += several_forms(rows.clips, uri)
    return rows.clips, rows.problems


class _Rows:
    """The clips of the rows so far, and what was wrong with them."""

    def __init__(self, table: Table, uri: str, base: str, split: int | None) -> None:
        self.uri, self.base = uri, base
        self.clips: list[Clip] = []
        self.problems: list[Problem] = []
        self.words: Counter[tuple[str, str]] = Counter()  # how labels are written, and what they are
        self._misspelt: set[str] = set()  # where rows are whose split is not known
        self._first: dict[str, int] = {}  # the line that first used an id
        self._head = where = f"{uri}:{table.line}"
        self._files = {name: table.names.index(name) for name in _FILE_COLUMNS if name in table.names}
        self._places, said = known_columns(table, split)
        _assert_columns(table, self._files, self._places, where)
        self.problems += [Problem("column_read_as", where, sentence, "warning") for sentence in said]
        self._doubled = DoubledColumns(table, self._places, self._files.values())
        known = {*self._files.values(), *self._places.values()}
        self._others = {name.lower(): place for place, name in enumerate(table.header) if name and place not in known}
        self.problems += [
            Problem("column_not_read", where, message, "warning")
            for message in unread_columns(self._others, self._places)
        ]
        self._half_splits = HalfSplits(table.header, () if "split" in self._places else self._others.values())

    def add(self, row: Row | DataError) -> None:
        """Take in the next row."""
        if isinstance(row, DataError):
            self.problems.append(Problem(row.code, row.where or self.uri, row.message))
            return
        where = f"{self.uri}:{row.line}"
        self._doubled.look(row)
        self._half_splits.look(row)
        try:
            identity, location = self._names(row)
        except DataError as error:
            self.problems.append(Problem(error.code, where, error.message))
            return
        if identity in self._first:
            message = f"the clip {identity!r} is already listed in line {self._first[identity]}; remove one of the two"
            self.problems.append(Problem("duplicate_id", where, message))
            return
        self._first[identity] = row.line
        values = {name: row.cells[place] for name, place in self._others.items()}
        attributes = {name: value for name, value in values.items() if not is_missing(value)}
        split = self._split(self._known(row, "split"), where)
        label = self._label(self._known(row, "label"), split, where)
        self.clips.append(Clip(identity, location, label, self._subject(row, where), split, where, attributes))

    def _known(self, row: Row, column: str) -> str:
        value = row.cells[self._places[column]] if column in self._places else ""
        return "" if is_missing(value) else value

    def _subject(self, row: Row, where: str) -> str:
        given = row.cells[self._places["subject"]] if "subject" in self._places else ""
        if given and names_nobody(given):
            message = f"the subject {given!r} is read as a word for one who is not known"
            self.problems.append(Problem("missing_word", where, message, "warning"))
            return ""
        return unicodedata.normalize("NFC", given)

    def whole_subjects(self) -> list[Problem]:
        """Read numbers of subjects as whole ones, and say so."""
        whole = whole_subjects([clip.subject for clip in self.clips])
        if whole is None:
            return []
        self.clips = [replace(clip, subject=subject) for clip, subject in zip(self.clips, whole, strict=True)]
        return [Problem("subjects_read_as", self.uri, WRITTEN_SO, "warning")]

    def contradictions(self) -> list[Problem]:
        """Columns that say the same thing and do not agree, and those of splits that are none."""
        half = self._half_splits.found()
        return self._doubled.found() + [Problem("column_not_read", self._head, said, "warning") for said in half]

    def without_split(self) -> list[Problem]:
        """An error where some rows name a split and others do not: those would be learned from without being asked."""
        # A row without a label is refused for that, or left out.
        labelled = [clip for clip in self.clips if clip.label or clip.split]
        blank = [clip for clip in labelled if not clip.split and clip.where not in self._misspelt]
        named = len(labelled) - len(blank)
        if not blank or not named:
            return []
        message = (
            f"no split is named in {len(blank)} of {counted(len(labelled), 'rows')} "
            f"({some(clip.where for clip in blank)}); fill in "
            f"{', '.join(SPLITS[:-1])} or {SPLITS[-1]} in all rows, or in none to have the splits assigned"
        )
        return [Problem("no_split", blank[0].where, message)]

    def _names(self, row: Row) -> tuple[str, str]:
        cells = {name: row.cells[place] for name, place in self._files.items() if row.cells[place]}
        named = next(iter(cells.values()), "")
        if not named:
            raise DataError("the row names no file; fill in its path or remove it", code="no_path")
        location = _on_disk(join(self.base, named))  # raises for a scheme that is neither local nor S3
        given = cells.get("clip") if "uri" in cells or "path" in cells else None
        return given or _relative(named, location, self.base), location

    def _split(self, value: str, where: str) -> str:
        if not value:
            return ""
        split = canonical_split(value, numbered=False)
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
            label = canonical_label(value)
        except DataError as error:
            self.problems.append(Problem("unknown_label", where, error.message))
            return ""
        self.words[value, label] += 1
        return label


def _relative(named: str, location: str, base: str) -> str:
    """The id of a file: its path below the manifest's folder, or what the manifest calls it where it is elsewhere."""
    if is_remote(location):
        return location.removeprefix(base.rstrip("/") + "/")
    if PurePath(location).is_relative_to(base):
        return PurePath(location).relative_to(base).as_posix()
    return PurePosixPath(named).as_posix()


def _on_disk(location: str) -> str:
    """A path as the disk spells it, where a table spells it in another form of Unicode, or as Windows does."""
    if is_remote(location) or _is_file(location):
        return location
    slashed = location.replace("\\", "/")
    others = (unicodedata.normalize(form, path) for path in (location, slashed) for form in ("NFC", "NFD"))
    return next((path for path in others if _is_file(path)), location)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except (OSError, ValueError):  # no name that a file can have
        return False


def _assert_columns(table: Table, files: Mapping[str, int], places: Mapping[str, int], where: str) -> None:
    found = some((name or "a column without a name" for name in table.header), 12)
    if not files:
        raise DataError(f"expected a column named path, uri or clip; found {found}", code="missing_column", where=where)
    if "label" not in places:
        raise DataError(f"expected a column named label or emotion; found {found}", code="missing_column", where=where)


def missing_files(clips: Iterable[Clip], base: str) -> list[Problem]:
    """An error for every clip whose file is not there. In S3 the manifest's folder is listed once."""
    remote = [clip for clip in clips if is_remote(clip.uri)]
    absent = [clip for clip in clips if not is_remote(clip.uri) and not _is_file(clip.uri)]
    if remote:
        known = {entry.uri for entry in list_entries(base)} if is_remote(base) else set()
        unlisted = [clip for clip in remote if clip.uri not in known]
        outside = [clip for clip in unlisted if not (is_remote(base) and clip.uri.startswith(base.rstrip("/") + "/"))]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            there = dict(zip((clip.id for clip in outside), pool.map(_there, outside), strict=True))
        absent += [clip for clip in unlisted if not there.get(clip.id)]
    near = {} if is_remote(base) else nearly_named((clip.uri for clip in absent if not is_remote(clip.uri)), base)
    return [Problem("missing_file", clip.where, _no_file(clip.uri, near.get(clip.uri, ""))) for clip in absent]


def _no_file(uri: str, near: str) -> str:
    return f"there is no file {uri}; {f'is {near!r} meant? ' if near else ''}correct the path or remove the row"


def _there(clip: Clip) -> bool:
    return exists(clip.uri)
