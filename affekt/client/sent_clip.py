"""The body of a request: a clip as it is sent, which tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from affekt.errors import MediaError, as_affekt_error

#: Told how many bytes of how many were sent.
Progress = Callable[[int, int], None]
#: A clip: a file, its bytes, or the ``s3://`` address of one in a bucket that the server may read.
Clip = str | Path | bytes


class SentClip:
    """A clip as requests sends it.

    Raises:
        MediaError: the file cannot be read; also from :meth:`read`, since another error would be the connection's.
    """

    def __init__(self, clip: bytes | str | Path, progress: Progress | None) -> None:
        self._bytes = clip if isinstance(clip, bytes) else None
        self._name = "" if isinstance(clip, bytes) else str(clip)
        with self._named():
            self._file = None if isinstance(clip, bytes) else Path(clip).open("rb")  # noqa: SIM115  closed by its owner
            self._size = len(clip) if isinstance(clip, bytes) else Path(clip).stat().st_size
        self._sent, self._progress = 0, progress

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(1 << 16), b"")

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._file is not None:
            with self._named():
                data = self._file.read(size)
        else:
            assert self._bytes is not None
            data = self._bytes[self._sent :] if size < 0 else self._bytes[self._sent : self._sent + size]
        self._sent += len(data)
        if self._progress is not None and data:
            self._progress(self._sent, self._size)
        return data

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            found = as_affekt_error(error)
            raise MediaError(found.message, code=found.code, where=self._name) from error

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
