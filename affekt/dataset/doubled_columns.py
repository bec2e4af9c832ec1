"""Columns of a table that say the same thing, such as ``split`` and ``usage``, and do not agree about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from affekt.counted import counted
from affekt.dataset.labels import known_label
from affekt.dataset.problems import Problem
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import COLUMNS, Row, Table, is_missing

#: What table programs put behind a name that is there already.
_AGAIN = re.compile(r"[._]\d+$|_?\(\d+\)$")
_NUMBER = re.compile(r"\d+(\.0+)?")
_SHOWN = 3  # rows of each pair of columns


@dataclass
class _Pair:
    """Two columns for one thing: the one that counts, another one, and the rows so far in which they differ."""

    what: str
    counts: int
    other: int
    rows: int = 0
    differing: list[str] = field(default_factory=list)
    where: int = 0
    certain: bool = True
    one_for_other: dict[str, str] = field(default_factory=dict)
    other_for_one: dict[str, str] = field(default_factory=dict)
    unlike: list[tuple[int, str, str]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    in_words: int = 0

    def differ(self, line: int, counts: str, other: str, *, certain: bool) -> None:
        self.differing.append(f"line {line}: {counts!r} and {other!r}")
        self.where = self.where or line
        self.certain = self.certain and certain


class DoubledColumns:
    """Looks at the rows of a table whose columns are known, and tells which of them contradict each other.

    Args:
        table: of which the rows are.
        places: of the columns that count, by ``label``, ``subject`` and ``split``.
        files: places of the columns that name the file or the clip, the one that counts first.
        label_of: the label that a cell names, or None.
    """

    def __init__(
        self,
        table: Table,
        places: Mapping[str, int],
        files: Iterable[int] = (),
        label_of: Callable[[str], str | None] = known_label,
    ) -> None:
        self._table, self._label_of = table, label_of
        named = {what: [_AGAIN.sub("", name) in COLUMNS[what] for name in table.names] for what in places}
        self._pairs = [
            _Pair(what, place, other)
            for what, place in places.items()
            for other, same in enumerate(named[what])
            if same and other != place
        ]
        first, *others = [*files] or [0]
        self._pairs += [_Pair("file", first, other) for other in others]
        known = {*places.values(), first, *others, *(pair.other for pair in self._pairs)}
        unknown = [place for place, name in enumerate(table.header) if name and place not in known]
        #: Columns of other names in which nothing but splits was found so far.
        self._like_splits = {place: _Pair("split", places["split"], place) for place in unknown if "split" in places}

    def look(self, row: Row) -> None:
        """Look at a row."""
        for pair in self._pairs:
            self._compare(pair, row)
        for place in list(self._like_splits):
            if not is_missing(row.cells[place]) and canonical_split(row.cells[place], numbered=False) is None:
                del self._like_splits[place]
            else:
                self._splits(self._like_splits[place], row, certain=False)

    def found(self) -> list[Problem]:
        """An error for two columns that name other labels or splits in a row; a warning where other things differ, and
        where one has the numbers of labels and the other their words.
        """
        like_splits = [pair for pair in self._like_splits.values() if "train" in pair.named and len(pair.named) > 1]
        pairs = [*self._pairs, *like_splits]
        for pair in pairs:
            _settle_files(pair)
        return [self._problem(pair) for pair in pairs if pair.differing] + [
            self._words(pair) for pair in pairs if pair.in_words
        ]

    def _compare(self, pair: _Pair, row: Row) -> None:
        if pair.what == "split":
            self._splits(pair, row, certain=True)
        elif pair.what == "label":
            self._labels(pair, row)
        elif pair.what == "subject":
            _subjects(pair, row)
        else:
            _files(pair, row)

    def _splits(self, pair: _Pair, row: Row, *, certain: bool) -> None:
        counts, other = row.cells[pair.counts], row.cells[pair.other]
        if is_missing(other):
            return
        pair.rows += 1
        named = canonical_split(other, numbered=False)
        pair.named.add(named or "")
        if named and named != (canonical_split(counts, numbered=False) or counts):
            pair.differ(row.line, counts, other, certain=certain)

    def _labels(self, pair: _Pair, row: Row) -> None:
        counts, other = row.cells[pair.counts], row.cells[pair.other]
        if is_missing(other):
            return
        pair.rows += 1
        label = self._label_of(counts)
        if _NUMBER.fullmatch(other) and not _NUMBER.fullmatch(counts):
            # A code says which rows are alike and not what they are: several labels may have none in common.
            if label and pair.one_for_other.setdefault(other, label) != label:
                pair.differ(row.line, counts, other, certain=False)
        elif label is None and _NUMBER.fullmatch(counts) and self._label_of(other):
            pair.in_words = pair.in_words or row.line  # that numbers are no labels is told anyway
        elif (named := self._label_of(other)) and named != label:
            pair.differ(row.line, counts, other, certain=True)

    def _words(self, pair: _Pair) -> Problem:
        counts, other = (repr(self._table.header[place]) for place in (pair.counts, pair.other))
        message = f"the column {other} has in words what {counts} has in numbers; call it label, and leave out {counts}"
        return Problem("label_in_words", f"{self._table.where}:{pair.in_words}", message, "warning")

    def _problem(self, pair: _Pair) -> Problem:
        counts, other = (repr(self._table.header[place]) for place in (pair.counts, pair.other))
        rows = f"{len(pair.differing)} of {counted(pair.rows, 'rows')}"
        shown = "; ".join(pair.differing[:_SHOWN]) + "; …" * (len(pair.differing) > _SHOWN)
        remedy = (
            "correct them, or rename the column that is not meant"
            if pair.certain
            else f"{counts} counts; rename the other one if that is right"
        )
        message = f"the columns {counts} and {other} both name the {pair.what} and differ in {rows} ({shown}); {remedy}"
        where = f"{self._table.where}:{pair.where}"
        return Problem("columns_differ", where, message, "error" if pair.certain else "warning")


def _subjects(pair: _Pair, row: Row) -> None:
    """Two names of one person are none too many; one name of two people is."""
    counts, other = (row.cells[place] for place in (pair.counts, pair.other))
    if is_missing(other):
        return
    pair.rows += 1
    counts = "" if is_missing(counts) else counts
    one, two = pair.one_for_other.setdefault(other, counts), pair.other_for_one.setdefault(counts, other)
    if not counts or one != counts or two != other:
        pair.differ(row.line, counts, other, certain=False)


def _files(pair: _Pair, row: Row) -> None:
    counts, other = (_stem(row.cells[place]) for place in (pair.counts, pair.other))
    if not other:
        return
    pair.rows += 1
    pair.named.add(counts)
    if counts and counts != other:
        pair.unlike.append((row.line, row.cells[pair.counts], row.cells[pair.other]))


def _settle_files(pair: _Pair) -> None:
    """An id may be anything, but not what another row's file is called, nor differ where it is the same elsewhere."""
    usual = len(pair.unlike) * 2 < pair.rows
    for line, counts, other in pair.unlike:
        if usual or _stem(other) in pair.named:
            pair.differ(line, counts, other, certain=False)
    pair.unlike.clear()


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem.casefold()
