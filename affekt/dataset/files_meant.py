"""Which files the arguments of a command mean: names, folders, patterns, S3 prefixes, and lists of these."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from affekt.dataset.media_files import MEDIA_SUFFIXES, media_files
from affekt.dataset.tables import encoding_of
from affekt.errors import DataError
from affekt.storage import is_remote, read_bytes


def files_meant(arguments: Sequence[str]) -> list[str]:
    """The files, in the order of the arguments; those of a folder, a pattern or a prefix in the order of their names.

    A name that is none of these stays as it is: whether there is such a file is told with the answers, since one bad
    name is no reason to answer none.

    Args:
        arguments: each a file, a folder, a pattern with ``*``, ``?`` or ``[``, an ``s3://`` address of a file or a
            prefix, ``@LIST`` for a file, local or ``s3://``, with one of these a line, or ``-`` for such lines on
            standard input.

    Raises:
        DataError: a list cannot be read, or a folder or a prefix holds no media file.
    """
    found: list[str] = []
    for argument in arguments:
        if argument == "-":
            found.extend(_listed(sys.stdin, "standard input"))
        elif argument.startswith("@") and not Path(argument).exists():
            found.extend(_listed(_lines_of(argument[1:]), argument[1:]))
        else:
            found.extend(_named(argument))
    return found


def _lines_of(name: str) -> list[str]:
    try:
        content = read_bytes(name) if is_remote(name) else Path(name).read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror}); expected a file with a name a line", code="missing", where=name
        ) from error
    text = content.decode(encoding_of(content[:4]), "surrogateescape")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")  # as text files are read


def _listed(lines: Iterable[str], where: str) -> list[str]:
    names = [line.removeprefix("\ufeff").strip() for line in lines]  # the mark of a text that is piped
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise DataError("names no file; expected a name a line", code="no_files", where=where)
    return [file for name in names for file in _named(name)]


def _named(name: str) -> list[str]:
    if is_remote(name):
        return [name] if _is_media(name) else media_files(name)
    path = Path(name)
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError:  # a name that no file can have is told with the answers, too
        return [name]
    if folder:
        return media_files(name)
    if any(sign in name for sign in "*?[") and not there:
        fitting = glob.glob(name, recursive=True)  # noqa: PTH207  Path.glob takes no absolute pattern
        return sorted(filter(_is_media, fitting)) or [name]
    return [name]


def _is_media(name: str) -> bool:
    return name.lower().endswith(tuple(MEDIA_SUFFIXES))
