"""Where the shards of a store stand: in a folder, or below an ``s3://`` prefix with a bounded copy on this machine."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from affekt import storage
from affekt.errors import DataError
from affekt.media.pictures import Code
from affekt.storage import file_digest
from affekt.store.shard import FileBytes, Shard

logger = logging.getLogger(__name__)

#: Shards whose small tables stay in memory, some 0.3 MB each.
MOST_OPEN = 256
#: Bytes that one request fetches at least of a shard that is not copied: the directory at its end with the keys, or
#: the functionals of all of its clips.
_STRETCH = 96 << 10
#: What reading raises where the bytes are not those that were written.
DAMAGED = (ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile)


def shard_name(path: Path, clips: int) -> str:
    """The name of a finished shard: how many clips it holds, and the digest of its bytes."""
    return f"{clips}-{file_digest(path)[:32]}.npz"


def _is_whole(path: Path) -> bool:
    return path.name.partition("-")[2].removesuffix(".npz") == file_digest(path)[:32]


class Shelf(Protocol):
    """Shards by name."""

    def names(self) -> list[str]:
        """The names of the shards, ascending."""

    def add(self, path: Path, name: str) -> None:
        """Put a finished shard there, whole or not at all; the file is moved away."""

    def shard(self, name: str) -> Shard:
        """To read clips from."""

    def columns(self, name: str) -> Shard:
        """To read columns from, without what else is in the shard."""

    def keys(self, name: str) -> list[str]:
        """The keys of a shard's clips, in their order."""

    def verify(self, name: str) -> bool:
        """Whether what there is of it on this machine is, byte for byte, what was written; if not, it is put away."""


class LocalShelf:
    """Shards in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, Shard] = OrderedDict()
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return sorted(path.name for path in self.folder.iterdir() if path.suffix == ".npz")
        return []

    def add(self, path: Path, name: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path.replace(self.folder / name)

    def shard(self, name: str) -> Shard:
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
            else:
                self._open[name] = Shard(FileBytes(self.folder / name))
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
            return self._open[name]

    columns = shard

    def keys(self, name: str) -> list[str]:
        return self.shard(name).keys

    def verify(self, name: str) -> bool:
        path = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            if _is_whole(path):
                return True
            aside = self.folder.parent / "damaged"
            aside.mkdir(exist_ok=True)
            path.replace(aside / name)
            self.forget(name)
            logger.warning("%s is not what was written; its %s clips are prepared again, and it is kept as %s",
                           path, name.partition("-")[0], aside / name)  # fmt: skip
        return False

    def forget(self, name: str) -> None:
        """Close a shard whose file is gone."""
        with self._lock:
            self._open.pop(name, None)


class RemoteShelf:
    """Shards below an ``s3://`` prefix.

    A shard is copied whole when a clip of it is read, while there is room; the copies that were not read for longest
    make room for others. Where the shards that this process reads need more room than there is, stretches are fetched
    instead, and for columns always.

    Args:
        root: the prefix.
        folder: for the copies; processes may share it.
        room: bytes that the copies may take.
    """

    def __init__(self, root: str, folder: Path, room: int) -> None:
        self._root, self._room, self._used = root, room, set[str]()
        self._local = LocalShelf(folder)
        self._sizes: dict[str, int] = {}
        self._ranged: OrderedDict[str, Shard] = OrderedDict()
        self._lock = threading.RLock()

    def names(self) -> list[str]:
        try:
            found = storage.list_entries(self._root)
        except DataError as error:
            if error.code == "missing_file":
                return []
            raise
        self._sizes.update((entry.path, entry.size) for entry in found)
        return sorted(entry.path for entry in found if entry.path.endswith(".npz"))

    def add(self, path: Path, name: str) -> None:
        storage.upload_file(path, storage.join(self._root, name))
        self._sizes[name] = path.stat().st_size
        with self._lock:
            if self._make_room(self._sizes[name]):
                self._local.add(path, name)

    def shard(self, name: str) -> Shard:
        with self._lock:
            path = self._local.folder / name
            if not path.is_file() and not self._copy(name):
                return self.columns(name)
            self._used.add(name)
            with contextlib.suppress(OSError):
                os.utime(path)
            return self._local.shard(name)

    def columns(self, name: str) -> Shard:
        if (self._local.folder / name).is_file():
            return self._local.shard(name)
        with self._lock:
            found = self._ranged.get(name)
        if found is None:  # fetched without the lock: others fetch others meanwhile
            found = Shard(_Stretches(storage.join(self._root, name), self._sizes[name]))
        with self._lock:
            self._ranged[name] = found
            self._ranged.move_to_end(name)
            if len(self._ranged) > MOST_OPEN:
                self._ranged.popitem(last=False)
        return found

    def keys(self, name: str) -> list[str]:
        noted = self._local.folder.parent / "keys" / f"{name}.txt"  # a shard's content never changes
        with contextlib.suppress(FileNotFoundError):
            return noted.read_text(encoding="ascii").split()
        keys = self.columns(name).keys
        with storage.appearing(noted) as part:
            part.write_text("\n".join(keys), encoding="ascii")
        return keys

    def verify(self, name: str) -> bool:
        if (self._local.folder / name).is_file():
            self._local.verify(name)  # a damaged copy is put away; what S3 holds is fetched when it is read
        return True

    def _copy(self, name: str) -> bool:
        """Fetch a shard whole, if there can be room for it beside those that this process reads."""
        if not self._make_room(self._sizes[name]):
            return False
        self._local.folder.mkdir(parents=True, exist_ok=True)
        with storage.appearing(self._local.folder / name) as part:
            storage.download_file(storage.join(self._root, name), part)
            if not _is_whole(part):
                storage.remove(storage.join(self._root, name))
                raise DataError(
                    "this shard is not what was written and was removed; clips that have to be prepared again: "
                    f"{name.partition('-')[0]}", code="damaged", where=storage.join(self._root, name),
                )  # fmt: skip
        return True

    def _make_room(self, size: int) -> bool:
        """Remove copies until there is room; those that this process has read stay."""
        copies = []
        with contextlib.suppress(FileNotFoundError), os.scandir(self._local.folder) as items:
            for item in items:
                with contextlib.suppress(OSError):
                    state = item.stat()
                    copies.append((state.st_mtime, state.st_size, item.name))
        taken = sum(held for _, held, _ in copies)
        for _, held, name in sorted(copies):
            if taken + size <= self._room:
                break
            if name not in self._used:
                with contextlib.suppress(OSError):
                    (self._local.folder / name).unlink()
                self._local.forget(name)
                taken -= held
        return taken + size <= self._room


class _Stretches:
    """The bytes of an object, fetched in stretches; the last few stay."""

    def __init__(self, uri: str, size: int) -> None:
        self._uri, self.size = uri, size
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, first: int, count: int) -> Code:
        with self._lock:
            start, data = self._stretch(first, count)
            return memoryview(data)[first - start : first - start + count]

    def expect(self, first: int, count: int) -> None:
        """Fetched at once."""
        with self._lock:
            self._stretch(first, count)

    def _stretch(self, first: int, count: int) -> tuple[int, bytes]:
        """Bytes among which these are, and the place of the first of them."""
        for start, data in self._held.items():
            if start <= first and first + count <= start + len(data):
                return start, data
        # Near the end all that is left belongs together: the directory of the zip file, and the keys.
        start = min(first, max(0, self.size - _STRETCH)) if self.size - first < _STRETCH else first
        data = storage.read_range(self._uri, start, min(max(count, _STRETCH), self.size - start))
        self._held[start] = data
        if len(self._held) > 4:
            self._held.popitem(last=False)
        return start, data
