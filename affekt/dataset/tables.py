"""Tables as people write them: what may differ between two programs that write the same rows is read as the same.

Score tables, manifests and the table of FER2013 are read here alone.
"""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import lzma
import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from affekt.counted import counted
from affekt.dataset.not_tables import what_is_zipped, what_it_is
from affekt.dataset.open_quotes import swallows
from affekt.dataset.problems import some
from affekt.dataset.table_lines import Lines
from affekt.errors import DataError
from affekt.storage import open_large

#: How the names of tables end, before the ending of what packs them.
TABLE_SUFFIXES = (".csv", ".tsv")
_PACKED: Mapping[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
PACKED_SUFFIXES = (*_PACKED, ".zip")
#: Between cells; the one that the header has most of counts.
_SEPARATORS = ",;\t|"
#: A line that Excel reads and does not show.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
_MISSING = frozenset(
    ("", "nan", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "null", "none", "nil", "nat", "missing", "-", "--", "?")
)
#: What nobody sees around a cell: blanks, and signs without a width, which a copied cell brings along.
_AROUND = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff\u00ad]+|[\s\u200b-\u200f\u2060\ufeff\u00ad]+$")
#: What a column may be called; the first name is that of affekt, and counts where several are there.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "label": (
        "label", "emotion", "labels", "emotion_label", "emotion_name", "class", "emotions", "expression",
        "facial_expression", "true_label", "ground_truth", "target", "y_true",
    ),
    "subject": (
        "subject", "speaker", "actor", "person", "participant", "subject_id", "speaker_id", "actor_id",
        "participant_id", "person_id", "subjectid", "speakerid", "actorid", "participantid", "personid",
        "speaker_name", "actor_name", "subj", "subj_id", "spk", "spk_id", "spkr", "spkr_id", "spkrid",
    ),
    "split": ("split", "usage", "partition", "subset", "split_name", "data_split", "dataset_split"),
}  # fmt: skip
#: What the column of grey values of a table of pictures may be called, and how long another cell may be at most.
PIXELS = ("pixels", "pixel", "pixel_values", "image_pixels")
_LONGEST_CELL = 1 << 17
#: Marks at the start of a text; that of UTF-32 begins as that of UTF-16 does.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A row of a table: its line in the file, and its cells, as many as there are columns; missing ones are blank."""

    line: int
    cells: list[str]


class Table:
    """The header of a table that is being read, and its rows, one after the other.

    Attributes:
        where: the file, for messages.
        header: the names of the columns as they stand there, without blanks around them.
        names: the same in small letters, with ``_`` for blanks and hyphens.
        line: of the header.
        separator: between cells.
    """

    def __init__(self, lines: Iterable[str], where: str) -> None:
        self.where = where
        self._lines = Lines(lines, where)
        self.names: list[str] = []
        first = next(self._lines, "")
        while first and not first.strip():
            first = next(self._lines, "")
        stated = _SEPARATOR_LINE.fullmatch(first)
        if stated:
            first = next(self._lines, "")
        self.separator = stated[1] if stated else separator_of(first)
        self._reader = csv.reader(
            self._lines.after(first), delimiter=self.separator, skipinitialspace=self.separator != "\t"
        )
        cells = self._next()
        while cells is not None and not any(cell.strip() for cell in cells):
            cells = self._next()
        if fault := self._open_quote():
            raise fault
        self.line = self._lines.count
        self.header = [bare(cell) for cell in cells or ()]
        while self.header and not self.header[-1]:
            self.header.pop()
        self.names = [folded(name) for name in self.header]
        if not self.header:
            raise DataError("the file is empty; expected a header and a row per clip", code="empty", where=where)
        twice = sorted(name for name, times in Counter(self.names).items() if name and times > 1)
        if twice:
            raise DataError(
                f"two columns have the name {some(twice)}; rename one",
                code="bad_row",
                where=f"{where}:{self.line}",
            )

    def rows(self) -> Iterator[Row | DataError]:
        """Every row that is not blank; an error with its place for one with more cells than the header has columns,
        with a quote that would take further rows into a cell, or that is the header again.
        """
        width = len(self.header)
        while (cells := self._next()) is not None:
            if fault := self._open_quote():
                yield fault
                continue
            cells = [bare(cell) for cell in cells]
            while len(cells) > width and not cells[-1]:
                cells.pop()
            if not any(cells):
                continue
            if len(cells) > width:
                yield DataError(
                    f"{counted(len(cells), 'cells')}, but the header has {counted(width, 'columns')}; put quotes "
                    f"around a value that holds {_SEPARATOR_WORDS.get(self.separator, self.separator)}",
                    code="bad_row",
                    where=f"{self.where}:{self._lines.count}",
                )
            elif folded(cells[0]) == self.names[0] and [folded(cell) for cell in cells] == self.names:
                yield DataError(
                    "is the header again, as where two tables were joined; remove this row",
                    code="bad_row",
                    where=f"{self.where}:{self._lines.count}",
                )
            else:
                yield Row(self._lines.count, cells + [""] * (width - len(cells)))

    def column(self, *names: str) -> int | None:
        """The place of the first of these columns that is there, by their folded names."""
        return next((self.names.index(name) for name in names if name in self.names), None)

    def _open_quote(self) -> DataError | None:
        """What is wrong with the quotes of the row that was read last."""
        lines = self._lines.taken
        if not any('"' in line for line in lines) or not swallows(lines, self.separator):
            return None
        first = self._lines.count - len(lines) + 1
        last = f" (the rows up to line {self._lines.count} would be one cell)" if len(lines) > 1 else ""
        return DataError(
            f"a quote opens a cell and none closes it before the next separator{last}; take it out, close it, or write "
            "a quote within a cell twice",
            code="bad_row",
            where=f"{self.where}:{first}",
        )

    def _next(self) -> list[str] | None:
        self._lines.next_row()
        try:
            cells = next(self._reader, None)
            may_be_long = self._lines.signs <= _LONGEST_CELL or any(name in self.names for name in PIXELS)
            if not may_be_long and any(len(cell) > _LONGEST_CELL for cell in cells or ()):
                raise csv.Error(f"field larger than field limit ({_LONGEST_CELL})")
            return cells
        except csv.Error as error:
            raise DataError(
                f"not a readable CSV file: {error}", code="unreadable", where=f"{self.where}:{self._lines.count}"
            ) from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"not a CSV file in UTF-8 ({error.reason}); save it as UTF-8", code="unreadable", where=self.where
            ) from error
        except _DAMAGED as error:
            raise DataError(f"not a readable CSV file: {error}", code="unreadable", where=self.where) from error


_SEPARATOR_WORDS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, UnicodeError)


@contextlib.contextmanager
def open_table(path: Path, where: str) -> Iterator[Table]:
    """Open a table on this disk: plain, in gzip, bzip2 or xz, or alone in a zip; in UTF-8 or UTF-16.

    Raises:
        DataError: it cannot be read, is empty, or two of its columns have the same name; rows raise, too.
    """
    with open_large(path) as file, _explained(where), _unpacked(file, where) as raw:
        yield Table(text_of(raw), where)


@contextlib.contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"not a CSV file in UTF-8 ({error.reason}); save it as UTF-8", code="unreadable", where=where
        ) from error
    except _DAMAGED as error:
        raise DataError(f"not a readable CSV file: {error}", code="unreadable", where=where) from error


@contextlib.contextmanager
def _unpacked(file: BinaryIO, where: str) -> Iterator[BinaryIO]:
    start = file.read(64)
    kind = packing_of(start)
    file.seek(0)
    if what := what_it_is(start):
        raise DataError(f"is no CSV table but {what}", code="unreadable", where=where)
    if kind == ".zip":
        with zipfile.ZipFile(file) as archive:
            if what := what_is_zipped(archive.namelist()):
                raise DataError(f"is no CSV table but {what}", code="unreadable", where=where)
            inside = [name for name in archive.namelist() if is_table_name(name)]
            if len(inside) != 1:
                found = ", ".join(inside) or "none"
                raise DataError(f"expected one table in it; found {found}", code="unreadable", where=where)
            with archive.open(inside[0]) as member:
                yield cast(BinaryIO, member)
    elif kind:
        with _PACKED[kind](file) as unpacked:
            yield cast(BinaryIO, unpacked)
    else:
        yield file


def packing_of(start: bytes) -> str:
    """What a file is packed with, by its first bytes: the suffix that it has, or nothing where it is not."""
    zips = ((b"PK\x03\x04", ".zip"), (b"PK\x05\x06", ".zip"))  # the second holds no file
    signs = ((b"\x1f\x8b", ".gz"), (b"BZh", ".bz2"), (b"\xfd7zXZ\x00", ".xz"), *zips)
    return next((suffix for sign, suffix in signs if start.startswith(sign)), "")


def text_of(raw: BinaryIO) -> io.TextIOWrapper:
    """Bytes as text, by how they begin."""
    buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, raw))
    return io.TextIOWrapper(buffered, encoding=encoding_of(buffered.peek(4)[:4]), newline="")


def encoding_of(start: bytes) -> str:
    """Python's name of a text's encoding, by its mark, or by the zeros of UTF-16 without one."""
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    if len(start) >= 4 and 0 in start[:4]:
        return "utf-16-be" if start[0] == start[2] == 0 else "utf-16-le" if start[1] == start[3] == 0 else "utf-8"
    return "utf-8"


def header_of(start: bytes) -> list[str]:
    """The folded names of the columns, by the first bytes of a table."""
    lines = start.decode(encoding_of(start), "replace").splitlines(keepends=True)[:8]
    try:
        return Table(lines, "").names
    except DataError:
        return []


def separator_of(header: str) -> str:
    """What stands between the names of a header: what it has most of outside of quotes."""
    bare = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=bare.count)


def folded(name: str) -> str:
    """The name of a column in small letters, with ``_`` for blanks and hyphens."""
    return "_".join(unicodedata.normalize("NFKC", name).casefold().replace("-", " ").replace("_", " ").split())


def bare(cell: str) -> str:
    """A cell without what nobody sees around it, and without what keeps a table program from reading a number in it."""
    text = cell.strip() if cell.isascii() else _AROUND.sub("", cell)
    return text[2:-1] if text.startswith('="') and text.endswith('"') and len(text) > 3 else text


def is_missing(cell: str) -> bool:
    """Whether a cell is blank, or a word for what is not known (``NaN``, ``n/a``, ``null``)."""
    return cell.strip().casefold() in _MISSING


def is_table_name(name: str) -> bool:
    """Whether a path or an address names a table, packed or not, and neither it nor a folder above is hidden."""
    path = PurePosixPath(name.lower())
    suffix = path.suffix
    if suffix in PACKED_SUFFIXES:
        suffix = path.with_suffix("").suffix
    return suffix in TABLE_SUFFIXES and not path.name.startswith(".") and "__macosx" not in path.parts


def known_columns(table: Table, split: int | None = None) -> tuple[dict[str, int], list[str]]:
    """Where label, subject and split stand, and a sentence for each that has another name than affekt's.

    Args:
        table: with its header.
        split: the place of the column of the split where none is called that.
    """
    places: dict[str, int] = {}
    said = []
    for name, spellings in COLUMNS.items():
        place = table.column(*spellings)
        if place is None and name == "split":
            place = split
        if place is not None:
            places[name] = place
            if table.names[place] != name:
                said.append(f"the column {table.header[place]!r} is read as the {name}")
    return places, said
