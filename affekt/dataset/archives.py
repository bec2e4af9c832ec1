"""The files inside a tar or zip archive, one after the other; nothing is unpacked under the names that it gives."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Self, cast

from affekt.counted import counted
from affekt.dataset.tables import is_table_name, packing_of
from affekt.dataset.zip_directory import zip_entries
from affekt.errors import DataError
from affekt.storage import open_large

_SUFFIXES = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".zip", ".tar.gz", ".tar.bz2", ".tar.xz")
#: What archives may hold in all; bytes are counted as unpacked.
MAX_MEMBERS, MAX_UNPACKED = 2_000_000, 64 << 30
_PACKED: Mapping[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_FOLDER = "and give the folder"
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, NotImplementedError,
    ValueError,
)  # fmt: skip


def is_archive(uri: str) -> bool:
    """Whether a uri names a tar or zip archive, packed or not, and not a table that is packed alone."""
    return uri.lower().endswith(_SUFFIXES) and not is_table_name(uri)


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Attributes:
        name: its path there.
        size: in bytes, unpacked, as the archive states it; no more can be read.
        content: to be read before the next member is asked for; None for a link.
    """

    name: str
    size: int
    content: io.BufferedReader | None = field(compare=False)


@contextlib.contextmanager
def opened(path: Path, where: str) -> Iterator[Iterator[Member]]:
    """All files of an archive, in its order, for the length of a ``with`` block, in which they are read.

    Raises:
        DataError: it is none, is damaged, encrypted, or holds more than the limits of this module allow.
    """
    try:
        with open_large(path) as file, contextlib.closing(_found(file, where)) as found:
            yield _limited(found, where)
    except _DAMAGED as error:
        raise DataError(f"not a readable archive: {error}", code="unreadable", where=where) from error


def _limited(found: Iterator[Member], where: str) -> Iterator[Member]:
    count = total = 0
    for member in found:
        count, total = count + 1, total + member.size
        if count > MAX_MEMBERS or total > MAX_UNPACKED:
            raise _too_large(where)
        yield member


def _too_large(where: str) -> DataError:
    limit = f"{counted(MAX_MEMBERS, 'files')} or {MAX_UNPACKED >> 30} GiB"
    return DataError(f"holds more than {limit}; unpack it and give the folder", code="too_large", where=where)


def _found(file: BinaryIO, where: str) -> Generator[Member, None, None]:
    return _of_zip(file, where) if file.read(4) in (b"PK\x03\x04", b"PK\x05\x06") else _of_tar(file)


def _of_zip(file: BinaryIO, where: str) -> Generator[Member, None, None]:
    if zip_entries(file) > MAX_MEMBERS:  # each takes a kilobyte of memory once zipfile knows it
        raise _too_large(where)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            if info.flag_bits & 1:
                raise DataError("is encrypted; unpack it and give the folder", code="unreadable", where=where)
            with archive.open(info) as content:
                name = info.filename.replace("\\", "/")  # as some programs of Windows write it
                yield Member(_plain(name), info.file_size, io.BufferedReader(cast(io.RawIOBase, content)))


def _of_tar(file: BinaryIO) -> Generator[Member, None, None]:
    last = b""

    class Header(tarfile.TarInfo):
        """The head of an entry; that of the last is nothing but zeros."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
            nonlocal last
            last = bytes(buf)
            return super().frombuf(buf, encoding, errors)

    file.seek(0)
    unpack = _PACKED.get(packing_of(file.read(6)))
    file.seek(0)
    # tarfile itself would unpack the first of several streams alone, which one archive may consist of.
    with (
        unpack(file) if unpack else contextlib.nullcontext(file) as plain,
        tarfile.open(fileobj=plain, mode="r|*", tarinfo=Header) as archive,
    ):
        for info in archive:
            name = _plain(info.name)
            if info.isfile():
                yield Member(
                    name, info.size, io.BufferedReader(_FrontToBack(cast(IO[bytes], archive.extractfile(info))))
                )
            elif not info.isdir():
                yield Member(name, 0, None)
        # tarfile ends without a word where the file does, and at the first end of several archives.
        if last != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"it is cut off, or its end is not marked; fetch it again, or unpack it {_FOLDER}")
        while rest := cast(IO[bytes], archive.fileobj).read(1 << 20):
            if rest.strip(b"\0"):
                another = "there is something behind its end, perhaps another archive"
                raise tarfile.ReadError(f"{another}; unpack it with tar -i {_FOLDER}")


def _plain(name: str) -> str:
    """The path of a file without what only says where the archive was made (``/``, ``./``, ``../``)."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


class _FrontToBack(io.RawIOBase):
    """A file of a tar that is read as a stream: what tarfile gives cannot say that it is not seekable."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there are bytes."""
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


class Kept:
    """Pictures out of an archive, one behind the other in a file without a name, which ends with this process.

    They are read from several threads at once.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the pictures in it
        self._lock = threading.Lock()
        self.size = 0

    def add(self, content: bytes) -> Held:
        """Keep some bytes."""
        with self._lock:
            start = self.size
            self._file.seek(start)
            self._file.write(content)
            self._file.flush()
            self.size += len(content)
        return Held(self, start, len(content))

    def read(self, start: int, size: int) -> bytes:
        """Some of the bytes that were kept."""
        return os.pread(self._file.fileno(), size, start)


@dataclass(frozen=True)
class Held:
    """Where the bytes of a picture are kept."""

    kept: Kept = field(repr=False)
    start: int
    size: int

    def read(self) -> bytes:
        """The bytes."""
        return self.kept.read(self.start, self.size)
