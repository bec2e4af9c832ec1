"""All files below a local folder, through symbolic links, but around no circle and stopped by no broken one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import DataError
from affekt.storage.uris import Entry


@dataclass(frozen=True)
class PassedOver:
    """Something below a folder that is no file.

    Attributes:
        path: relative to the folder.
        kind: ``broken_link``, ``link_loop``, or ``special_file`` (a pipe, a socket, a device).
    """

    path: str
    kind: str


def walk(root: Path) -> Iterator[Entry | PassedOver]:
    """Files, and what is passed over, in the order of the file system.

    Raises:
        DataError: a folder may not be listed.
    """
    return _walk(root, "", (os.path.realpath(root),))


def _walk(folder: Path, prefix: str, above: tuple[str, ...]) -> Iterator[Entry | PassedOver]:
    """``above`` are the real paths of the folder and of those through which it was reached."""
    try:
        with os.scandir(folder) as items:
            for item in items:
                path = prefix + item.name
                kind = _kind(item)
                if kind == "folder":
                    real = os.path.realpath(item.path)
                    if item.is_symlink() and any(_is_within(place, real) for place in above):
                        yield PassedOver(path, "link_loop")
                    else:
                        yield from _walk(Path(item.path), f"{path}/", (*above, real))
                elif kind == "file":
                    yield Entry(path, item.path, item.stat().st_size)
                else:
                    yield PassedOver(path, kind)
    except OSError as error:
        raise DataError(f"cannot be listed: {error.strerror}", code="unreadable", where=str(folder)) from error


def _kind(item: os.DirEntry[str]) -> str:
    try:
        if item.is_dir():
            return "folder"
        if item.is_file():
            return "file"
    except OSError:  # a link to itself
        return "link_loop"
    return "broken_link" if item.is_symlink() and not os.path.exists(item.path) else "special_file"  # noqa: PTH110


def _is_within(place: str, folder: str) -> bool:
    """Whether a real path is a folder or lies below it."""
    return place == folder or place.startswith(folder.rstrip("/") + "/")
