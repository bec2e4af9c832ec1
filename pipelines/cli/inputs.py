"""Which files the arguments of a command mean: names, folders, patterns, S3 prefixes, and lists of these."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES
from affekt.errors import DataError
from affekt.storage import is_remote, list_entries

_SUFFIXES = (*CLIP_SUFFIXES, *IMAGE_SUFFIXES)


def files_meant(arguments: Sequence[str]) -> list[str]:
    """The files, in the order of the arguments; those of a folder, a pattern or a prefix in the order of their names.

    A name that is none of these stays as it is: whether there is such a file is told with the answers, since one bad
    name is no reason to answer none.

    Args:
        arguments: each a file, a folder, a pattern with ``*``, ``?`` or ``[``, an ``s3://`` address of a file or a
            prefix, ``@LIST`` for a file with one of these a line, or ``-`` for such lines on standard input.

    Raises:
        DataError: a list cannot be read, or a folder or a prefix holds no media file.
    """
    found: list[str] = []
    for argument in arguments:
        if argument == "-":
            found.extend(_listed(sys.stdin, "standard input"))
        elif argument.startswith("@") and not Path(argument).exists():
            try:
                with Path(argument[1:]).open(encoding="utf-8", errors="surrogateescape") as lines:
                    found.extend(_listed(lines, argument[1:]))
            except OSError as error:
                raise DataError(
                    f"cannot be read ({error.strerror}); expected a file with a name a line",
                    code="missing",
                    where=argument[1:],
                ) from error
        else:
            found.extend(_named(argument))
    return found


def _listed(lines: Iterable[str], where: str) -> list[str]:
    names = [line.strip() for line in lines]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise DataError("names no file; expected a name a line", code="no_files", where=where)
    return [file for name in names for file in _named(name)]


def _named(name: str) -> list[str]:
    if is_remote(name):
        if name.lower().endswith(_SUFFIXES):
            return [name]
        return _some(sorted(entry.uri for entry in list_entries(name)), name, "below this address")
    path = Path(name)
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError:  # a name that no file can have is told with the answers, too
        return [name]
    if folder:
        files = sorted(str(file) for file in path.rglob("*") if file.is_file())
        return _some(files, name, "in this folder")
    if any(sign in name for sign in "*?[") and not there:
        fitting = glob.glob(name, recursive=True)  # noqa: PTH207  Path.glob takes no absolute pattern
        return [file for file in sorted(fitting) if file.lower().endswith(_SUFFIXES)] or [name]
    return [name]


def _some(files: Iterable[str], name: str, where: str) -> list[str]:
    media = [file for file in files if file.lower().endswith(_SUFFIXES)]
    if not media:
        raise DataError(f"there is no media file {where}", code="no_files", where=name)
    return media
