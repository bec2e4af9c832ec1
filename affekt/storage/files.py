"""One file on this machine: its digest, what it holds where it is there, and how it appears whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from affekt.errors import DataError, naming

_Held = TypeVar("_Held")
#: Digests of files that this process has read whole, by what the disk said of each when it was opened; at most so many.
_known: dict[tuple[int, int, int, int], str] = {}
_MOST_KNOWN = 1_024


def file_digest(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with Path(path).open("rb") as file:
        state = _state(os.fstat(file.fileno()))
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[state] = digest
    return digest


def known_digest(path: str | Path) -> str:
    """As :func:`file_digest`, which is not asked again about a file that nobody has written since this process did."""
    return _known.get(_state(Path(path).stat())) or file_digest(path)


def _state(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_optional(path: Path, read: Callable[[bytes], _Held], *errors: type[Exception]) -> _Held | None:
    """What a file holds that a stored model may be without; None where it is not there.

    Args:
        path: of the file.
        read: makes the value of its bytes.
        errors: that ``read`` raises of bytes that nothing wrote, besides ValueError, KeyError and TypeError.

    Raises:
        DataError: ``damaged``.
    """
    damage: tuple[type[Exception], ...] = (ValueError, KeyError, TypeError, *errors)
    if not path.is_file():
        return None
    try:
        return read(path.read_bytes())
    except damage as error:
        raise DataError(f"is damaged ({error}); fetch the model again", code="damaged", where=str(path)) from error


def require_folder_of(path: str | Path) -> None:
    """Refuse a file that is to be written into a folder that is not there: its path is probably mistyped.

    A folder that a person names for several files is made instead.

    Raises:
        DataError: ``not_found``, or ``not_a_folder``.
    """
    folder = Path(path).absolute().parent
    if not folder.exists():
        raise DataError(f"there is no folder {folder}; make it, or check the path", code="not_found", where=str(path))
    if not folder.is_dir():
        raise DataError(f"{folder} is a file and no folder; name another place", code="not_a_folder", where=str(path))


@contextlib.contextmanager
def appearing(target: str | Path) -> Iterator[Path]:
    """A free name to write a file or a folder to, which takes the place of ``target`` when the block ends.

    Whoever reads sees the old content or the new, whole, also where several processes write. If the block raises,
    ``target`` stays as it was and nothing is left beside it. Its folders are made. A pipe or a device, which a rename
    would take away, is written to as it is, and so is ``/dev/stdout``; of another link what it leads to is replaced.

    Raises:
        OSError: it cannot be written; where the system does not say what, it names the target.
    """
    target = Path(target)
    if target.exists() and not (target.is_file() or target.is_dir()):
        yield target
        return
    if target.is_symlink():
        if target.is_relative_to("/dev"):
            yield target
            return
        target = Path(os.path.realpath(target))  # of links in a circle one of them, which then cannot be written
    target.parent.mkdir(parents=True, exist_ok=True)
    # Hidden and beside the target, so that a rename stays on one disk.
    hidden = tempfile.TemporaryDirectory(prefix=f".{target.name[:32]}-", suffix=".part", dir=target.parent)
    with naming(target), hidden as holder:
        part = Path(holder) / target.name
        yield part
        if part.is_dir() and target.exists():
            target.rename(Path(holder) / f"{target.name}.old")  # no system replaces a folder that is not empty
        part.replace(target)
