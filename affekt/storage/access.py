"""Read, write, list and copy files wherever they are; nothing half-written is ever seen under its final name."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from affekt.errors import NO_FILE, DataError, as_affekt_error, why_no_file
from affekt.storage import s3
from affekt.storage.files import appearing
from affekt.storage.uris import Entry, is_remote, join
from affekt.storage.walk import PassedOver, walk

#: What no file is to blame for.
_UNWRITABLE = ("disk_full", "file_too_large", "read_only")
#: Bytes of a file's name that every file system takes. A key may be longer.
_NAME_BYTES = 240
_TRANSFERS = 8  # at once; an object store answers slowly but widely


@dataclass(frozen=True)
class Listing:
    """What lies below a folder at any depth, each in the order of its relative paths."""

    entries: tuple[Entry, ...]
    passed_over: tuple[PassedOver, ...] = ()


def list_entries(uri: str | Path) -> list[Entry]:
    """All files below a folder at any depth, ordered by relative path; raises as :func:`list_folder` does."""
    return list(list_folder(uri).entries)


def list_folder(uri: str | Path) -> Listing:
    """All files below a folder at any depth, and what is none: broken links, links that lead in a circle.

    Raises:
        DataError: there is no such folder (in S3: nothing under this prefix), or it may not be read.
    """
    passed_over: list[PassedOver] = []
    if is_remote(uri):
        found = list(s3.entries(str(uri)))
        if not found:
            raise DataError(
                "there is nothing under this prefix; check the bucket and the key", code="missing_file", where=str(uri)
            )
    else:
        root = Path(uri)
        if not root.is_dir():
            state = "is a file, expected a folder" if root.exists() else "there is no such folder; check the path"
            raise DataError(state, code="missing_file", where=str(uri))
        found = []
        for item in walk(root):
            if isinstance(item, Entry):
                found.append(item)
            else:
                passed_over.append(item)
    return Listing(tuple(sorted(found, key=_by_path)), tuple(sorted(passed_over, key=_by_path)))


def _by_path(item: Entry | PassedOver) -> list[str]:
    return item.path.split("/")


def list_files(uri: str | Path) -> list[str]:
    """The uris of all files below a folder, ordered by relative path; raises as :func:`list_entries` does."""
    return [entry.uri for entry in list_entries(uri)]


def exists(uri: str | Path) -> bool:
    """Whether there is a file or a folder (in S3: an object, or any object below the prefix)."""
    if not is_remote(uri):
        return Path(uri).exists()
    if s3.is_object(str(uri)):
        return True
    try:
        return next(s3.entries(str(uri)), None) is not None
    except DataError as error:
        if error.code == "missing_bucket":
            return False
        raise


def read_bytes(uri: str | Path, *, first: int | None = None) -> bytes:
    """The content of a file, or only its first bytes.

    Raises:
        DataError: it is missing or may not be read.
    """
    if is_remote(uri):
        return s3.read(str(uri), first)
    with _local_errors(uri), Path(uri).open("rb") as file:
        return file.read(first)


def write_bytes(uri: str | Path, content: bytes) -> None:
    """Write a file, making its folders; a reader sees the old content or the new, never a part.

    Raises:
        DataError: it cannot be written.
    """
    if is_remote(uri):
        s3.write(str(uri), content)
        return
    path = Path(uri)
    with _local_errors(uri), appearing(path) as part:
        part.write_bytes(content)


def remove(uri: str | Path) -> None:
    """Delete a file; one that is not there is no error.

    Raises:
        DataError: it may not be deleted.
    """
    if is_remote(uri):
        s3.remove(str(uri))
        return
    with _local_errors(uri):
        Path(uri).unlink(missing_ok=True)


@contextlib.contextmanager
def open_local(uri: str | Path) -> Iterator[Path]:
    """A file as a local path for the length of a ``with`` block; what had to be downloaded is removed afterwards.

    Raises:
        DataError: it is missing or may not be read.
    """
    if not is_remote(uri):
        path = Path(uri)
        if not path.is_file():
            state = "is a folder, expected a file" if path.is_dir() else why_no_file(path)
            raise DataError(state, code="missing_file", where=str(uri))
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        path = Path(folder) / _file_name(str(uri))
        s3.fetch(str(uri), path)
        yield path


def _file_name(uri: str) -> str:
    """The last part of a key, or another name with its ending where no file can be called so."""
    name = Path(uri).name
    if len(os.fsencode(name)) <= _NAME_BYTES and "\0" not in name and name != "..":
        return name
    ending = Path(name).suffix
    return f"object{ending if len(os.fsencode(ending)) <= _NAME_BYTES // 2 else ''}".replace("\0", "")


def versions(uris: Sequence[str]) -> dict[str, str]:
    """Which content each of these has, without fetching it; what is not in S3, or not there, is left out.

    Raises:
        DataError: the service refuses or does not answer.
    """
    folders: dict[str, set[str]] = {}
    for uri in uris:
        if is_remote(uri):
            folders.setdefault(uri.rpartition("/")[0], set()).add(uri)
    found: dict[str, str] = {}
    for folder, wanted in folders.items():
        try:
            if len(wanted) == 1:
                (uri,) = wanted
                found[uri] = s3.version(uri)
            else:
                found.update((entry.uri, entry.version) for entry in s3.entries(folder) if entry.uri in wanted)
        except DataError as error:
            if error.code not in ("missing_file", "missing_bucket"):
                raise
    return found


def read_range(uri: str | Path, first: int, count: int) -> bytes:
    """``count`` bytes of a file, from ``first`` on.

    Raises:
        DataError: it is missing or may not be read.
    """
    if is_remote(uri):
        return s3.read_range(str(uri), first, count)
    with _local_errors(uri), Path(uri).open("rb") as file:
        file.seek(first)
        return file.read(count)


def upload_file(path: Path, uri: str) -> None:
    """Copy a local file to ``s3://``; the object appears when all of it is there.

    Raises:
        DataError: the target refuses.
    """
    s3.send(path, uri)


def download_file(uri: str, path: Path) -> None:
    """Copy an object to a local file, which is there whole only when this returns.

    Raises:
        DataError: it is missing or may not be read.
    """
    s3.fetch(uri, path)


def download_folder(uri: str | Path, folder: Path) -> Path:
    """Copy all files below ``uri`` into a new local folder, which appears complete or not at all.

    Raises:
        DataError: there is nothing to copy, or ``folder`` exists and is not empty.
    """
    entries = list_entries(uri)
    _assert_free(folder)
    with _local_errors(folder), appearing(folder) as part:
        part.mkdir()
        for entry in entries:
            _assert_below(entry)
            (part / entry.path).parent.mkdir(parents=True, exist_ok=True)

        def copy(entry: Entry) -> None:
            if is_remote(entry.uri):
                s3.fetch(entry.uri, part / entry.path)
            else:
                shutil.copyfile(entry.uri, part / entry.path)

        with ThreadPoolExecutor(_TRANSFERS) as pool:
            list(pool.map(copy, entries))
    return folder


def upload_folder(folder: Path, uri: str | Path) -> None:
    """Copy all files below a local folder to ``uri``.

    A local target appears complete or not at all. In S3 each object does, but not the folder as a whole: objects
    of the same names are replaced, others stay.

    Raises:
        DataError: ``folder`` is missing, or the target refuses; a local target must be absent or empty.
    """
    if not is_remote(uri):
        download_folder(folder, Path(uri))
        return
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        list(pool.map(lambda entry: s3.send(Path(entry.uri), join(uri, entry.path)), list_entries(folder)))


def _assert_below(entry: Entry) -> None:
    """A key such as ``a/../../b`` must not write outside of the folder that was asked for."""
    parts = entry.path.split("/")
    if entry.path.startswith("/") or ".." in parts or "" in parts:
        raise DataError("this key cannot be a file below a folder", code="bad_key", where=entry.uri)


def _assert_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(
            "already exists and is not an empty folder; remove it or name another", code="exists", where=str(folder)
        )


@contextlib.contextmanager
def _local_errors(uri: str | Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(NO_FILE, code="missing_file", where=str(uri)) from error
    except OSError as error:
        found = as_affekt_error(error)
        code = found.code if found.code in _UNWRITABLE else "unreadable"
        raise DataError(found.message, code=code, where=str(uri)) from error
