"""The table of FER2013 as Kaggle has it: a row an image, its emotion, its grey values, and the split as ``Usage``."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.dataset.channels import colours_in
from affekt.dataset.doubled_columns import DoubledColumns
from affekt.dataset.half_splits import HalfSplits
from affekt.dataset.labels import LABELS, canonical_label
from affekt.dataset.nobody import names_nobody
from affekt.dataset.numbered_subjects import WRITTEN_SO, whole_subjects
from affekt.dataset.problems import Problem, some
from affekt.dataset.split_column import SplitColumn
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import COLUMNS, PIXELS, Row, Table, is_missing
from affekt.dataset.unread_columns import unread_columns
from affekt.errors import DataError

if TYPE_CHECKING:
    import numpy as np

#: Of all pictures of a table, which are in memory while it is used.
_MAX_BYTES = 4 << 30


@dataclass(frozen=True)
class PixelRow:
    """One image: its name, where it stands, and what :class:`affekt.dataset.FaceImage` says of it."""

    id: str
    where: str
    label: str
    split: str
    subject: str
    pixels: np.ndarray = field(compare=False, repr=False)


def has_pixels(names: Sequence[str]) -> bool:
    """Whether a table with columns of these folded names holds labelled images."""
    return any(name in names for name in PIXELS) and any(name in names for name in COLUMNS["label"])


def pixel_rows(table: Table, where: str) -> tuple[list[PixelRow], list[Problem]]:
    """The images of a table, and what is wrong with its rows.

    Raises:
        DataError: it has none, or too many to be held in memory.
    """
    rows: list[PixelRow] = []
    problems: list[Problem] = []
    reader = _Reader(table)
    splits = SplitColumn(table, range(len(table.header)) if reader.names_splits else reader.places)
    others: list[dict[int, str]] = []  # the cells that may be splits, of each row
    size = 0
    for row in table.rows():
        if isinstance(row, DataError):
            problems.append(Problem(row.code, row.where or where, row.message))
            continue
        splits.look(row)
        reader.doubled.look(row)
        reader.half_splits.look(row)
        try:
            rows.append(reader.read(row, f"{where}:{row.line}"))
            others.append({place: row.cells[place] for place in splits.possible})
        except DataError as error:
            problems.append(Problem(error.code, f"{where}:{row.line}", error.message))
            continue
        size += rows[-1].pixels.size
        if size > _MAX_BYTES:
            raise DataError(
                f"holds more than {_MAX_BYTES >> 30} GiB of pixels; divide the table", code="too_large", where=where
            )
    if not rows and not problems:
        raise DataError("lists no face images", code="empty", where=where)
    if (whole := whole_subjects([row.subject for row in rows])) is not None:
        rows = [replace(row, subject=subject) for row, subject in zip(rows, whole, strict=True)]
        problems.append(Problem("subjects_read_as", where, WRITTEN_SO, "warning"))
    if (place := splits.found()) is not None:
        names = [canonical_split(cells[place], numbered=False) or "" for cells in others]
        rows = [replace(row, split=name) for row, name in zip(rows, names, strict=True)]
        message = f"the column {table.header[place]!r} is read as the split"
        problems.append(Problem("column_read_as", where, message, "warning"))
    problems += [Problem("column_not_read", where, message, "warning") for message in reader.unread(place)]
    blank = [row.where for row in rows if not row.split]
    if blank and len(blank) < len(rows):
        message = (
            f"no usage is named in {len(blank)} of {counted(len(rows), 'rows')} ({some(blank)}); fill it in in all "
            "rows, or in none to have the splits assigned"
        )
        problems.append(Problem("no_split", blank[0], message))
    return rows, problems + reader.doubled.found() + _other_sides(rows)


def _other_sides(rows: Sequence[PixelRow]) -> list[Problem]:
    """A warning where pictures of a table have another size than most of them."""
    sides = Counter(len(row.pixels) for row in rows)
    if len(sides) < 2:
        return []
    (usual, _), *_ = sides.most_common()
    others = [row for row in rows if len(row.pixels) != usual]
    shown = some((f"{len(row.pixels)} x {len(row.pixels)} in {row.where}" for row in others), 3)
    not_so = f"{len(others)} of {len(rows)} are not"
    message = f"most pictures are {usual} x {usual}, {not_so}: {shown}; is none of them cut?"
    return [Problem("other_size", others[0].where, message, "warning")]


class _Reader:
    """Reads rows by the places of their columns."""

    def __init__(self, table: Table) -> None:
        self._label, self._pixels = table.column(*COLUMNS["label"]), table.column(*PIXELS)
        self._usage = table.column("usage", *COLUMNS["split"])
        self.names_splits = self._usage is not None
        self._subject = table.column(*COLUMNS["subject"])
        self.places = {place for place in (self._label, self._pixels, self._subject) if place is not None}
        known = {"label": self._label, "split": self._usage, "subject": self._subject}
        places = {what: place for what, place in known.items() if place is not None}
        self.doubled = DoubledColumns(table, places, label_of=_known)
        self._header, self._read = table.header, {**places, "pixels": self._pixels}
        others = (place for place in range(len(table.header)) if place not in self._read.values())
        self.half_splits = HalfSplits(table.header, () if self.names_splits else others)

    def unread(self, split: int | None) -> list[str]:
        """A sentence for each kind of columns that may be thought to count and do not, where this one is the split."""
        read = self._read if split is None else {**self._read, "split": split}
        others = (name for place, name in enumerate(self._header) if name and place not in read.values())
        half = self.half_splits.found() if split is None else []
        return unread_columns((name.lower() for name in others), read) + half

    def read(self, row: Row, where: str) -> PixelRow:
        """The image of a row.

        Raises:
            DataError: ``unknown_label``, ``unknown_split`` or ``bad_pixels``.
        """
        usage = row.cells[self._usage] if self._usage is not None else ""
        usage = "" if is_missing(usage) else usage
        label = _label(row.cells[self._label] if self._label is not None else "")
        split = canonical_split(usage, numbered=False) if usage else ""
        if split is None:
            raise DataError(
                f"unknown usage {usage!r}; expected Training, PublicTest or PrivateTest", code="unknown_split"
            )
        pixels = _square(row.cells[self._pixels] if self._pixels is not None else "")
        subject = row.cells[self._subject] if self._subject is not None else ""
        subject = "" if names_nobody(subject) else unicodedata.normalize("NFC", subject)
        return PixelRow(f"{usage or 'row'}_{row.line - 1:05d}", where, label, split, subject, pixels)


def _label(emotion: str) -> str:
    """Kaggle numbers the emotions 0 to 6 in the same order as AFEW's names; some copies spell them."""
    number = emotion.removesuffix(".0")  # as pandas writes a column that once had a gap
    if number.isdecimal() and int(number) < len(LABELS):
        return LABELS[int(number)]
    try:
        return canonical_label(emotion)
    except DataError:
        message = f"unknown emotion {emotion!r}; expected a number from 0 (angry) to 6 (neutral), or a label"
        raise DataError(message, code="unknown_label") from None


def _known(emotion: str) -> str | None:
    try:
        return _label(emotion)
    except DataError:
        return None


def _square(text: str) -> np.ndarray:
    """Grey values as a square picture, uint8 ``[S, S]``."""
    try:
        values = bytes(map(int, text.strip("[]").replace(",", " ").split()))
    except ValueError as error:
        raise DataError("the pixels are not all whole numbers from 0 to 255", code="bad_pixels") from error
    import numpy as np  # heavy: numpy

    pixels = np.frombuffer(values, np.uint8)
    if colours := colours_in(pixels):
        raise DataError(
            f"{counted(len(values), 'values')} are {colours}; expected one grey value a pixel, as FER2013 has 48 x 48 "
            "= 2304",
            code="bad_pixels",
        )
    side = math.isqrt(len(values))
    if side * side != len(values) or not values:
        raise DataError(
            f"{counted(len(values), 'pixels')} make no square picture; FER2013 has 48 x 48 = 2304", code="bad_pixels"
        )
    return pixels.reshape(side, side)
