"""What a file is that was given as a table and is none, by how it begins: what to do follows from that."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

_EXPORT = "; export it as CSV"
#: What files begin with, and what they are with what to do.
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "a workbook of an old Excel" + _EXPORT),
    (b"PAR1", "a Parquet file" + _EXPORT),
    (b"ARROW1", "an Arrow file" + _EXPORT),
    (b"FEA1", "a Feather file" + _EXPORT),
    (b"\x89HDF", "an HDF5 file" + _EXPORT),
    (b"SQLite format 3", "a database of SQLite" + _EXPORT),
    (b"\x80\x04\x95", "a pickle of Python" + _EXPORT), (b"\x80\x05\x95", "a pickle of Python" + _EXPORT),
    (b"(\xb5/\xfd", "packed with Zstandard; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file with `git lfs pull`"),
)  # fmt: skip
#: The same of text behind blanks, in small letters.
_TEXTS: tuple[tuple[bytes, str], ...] = (
    (b"<!doctype", "a web page, perhaps that of a download that failed"),
    (b"<html", "a web page, perhaps that of a download that failed"),
    (b"<table", "a table of a web page" + _EXPORT),
    (b'{"', "JSON" + _EXPORT), (b'[{"', "JSON" + _EXPORT), (b"[[", "JSON" + _EXPORT),
)  # fmt: skip


def what_it_is(start: bytes) -> str:
    """What a file is that begins so, and what to do with it; nothing where it may be a table.

    Args:
        start: at least 64 bytes, or all there are.
    """
    text = b"".join(start.removeprefix(b"\xef\xbb\xbf").lower().split())
    found = (name for sign, name in _SIGNS if start.startswith(sign))
    return next(found, "") or next((name for sign, name in _TEXTS if text.startswith(sign)), "")


def what_is_zipped(names: Iterable[str]) -> str:
    """The same of a zip that holds these files."""
    for name in names:
        if name.startswith("xl/"):
            return "a workbook of Excel" + _EXPORT
        if name in ("content.xml", "mimetype"):
            return "a sheet of LibreOffice" + _EXPORT
    return ""


def what_the_file_is(path: Path) -> str:
    """The same of a file on this disk."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return what_is_zipped(archive.namelist())
    with path.open("rb") as file:
        return what_it_is(file.read(64))
