"""A file on this disk that takes seconds to read shows how much of it was read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from affekt.progress import MegaBytes

#: Bytes; fewer are read at once.
_LARGE = 4 << 20


@contextmanager
def open_large(path: Path) -> Iterator[BinaryIO]:
    """A file to be read from front to back for the length of a ``with`` block, with progress where it is large.

    Raises:
        OSError: it cannot be opened.
    """
    size = path.stat().st_size
    if size < _LARGE:
        with path.open("rb") as file:
            yield file
        return
    with MegaBytes(f"read {path.name}", size) as progress, io.BufferedReader(_Watched(path, size, progress)) as file:
        yield file


class _Watched(io.FileIO):
    """Tells how many bytes were read in all; what is read again, such as an archive's list, counts up to the size."""

    def __init__(self, path: Path, size: int, progress: MegaBytes) -> None:
        super().__init__(path)
        self._size, self._progress, self._have = size, progress, 0

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        count = super().readinto(buffer) or 0
        self._have += count
        self._progress.at(min(self._have, self._size))
        return count
