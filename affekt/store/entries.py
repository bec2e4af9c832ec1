"""The prepared store: what was prepared of each clip, addressed by the content of the file and of the settings."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from affekt import storage
from affekt.errors import DataError, naming
from affekt.extensions import detector_spec
from affekt.home import home
from affekt.media.contours import CONTOURS
from affekt.media.pictures import Code, FacePictures
from affekt.media.prepared import PreparedClip, WidePictures
from affekt.media.sound_code import Sound
from affekt.media.weights import check_weights
from affekt.settings import MediaSettings
from affekt.settings.limits import LIMITS
from affekt.storage import file_digest, is_remote
from affekt.store.shard import Entry, FileBytes, Shard, write_shard
from affekt.store.shelf import DAMAGED, LocalShelf, RemoteShelf, Shelf, shard_name

logger = logging.getLogger(__name__)

#: Raised with PREPARATION, and when an entry comes to hold more of a clip that is prepared as before.
VERSION = 12
#: Clips in a shard, and bytes after which it is full all the same.
SHARD_CLIPS, SHARD_BYTES = 256, 256 << 20
#: Shards that are asked for their keys at once; an object store answers slowly but widely.
_AT_ONCE = 8
#: Settings that only say which files are refused, or where copies are; they do not change what is prepared.
_LIMITS = (*LIMITS, "max_skipped", "cache_gib")
#: Settings that say nothing where there are no wider pictures.
_OF_WIDE = ("wide_size", "wide_margin", "wide_frames")


def content_digest(settings: MediaSettings) -> str:
    """16 hexadecimal digits of what in the settings decides the content of an entry; weights count by their bytes."""
    left = _LIMITS if settings.wide_size else (*_LIMITS, *_OF_WIDE)  # without them entries are as they were before
    values = {name: value for name, value in dataclasses.asdict(settings).items() if name not in left}
    if settings.detector_model:
        check_weights(settings)
        values["detector_model"] = file_digest(settings.detector_model)
    version = detector_spec(settings.detector).version
    if version > 1:
        values["detector"] = f"{settings.detector} {version}"
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def content_name(digest: str) -> str:
    """What keys call a file's content, however it is prepared: the first half of its SHA-256."""
    return digest[:32]


class Store:
    """Prepared clips in shards below a folder, or below ``s3://bucket/prefix`` with a bounded copy on this machine.

    A clip that was just prepared waits in a file of its own, until :meth:`pack` moves many of them into a shard. Both
    appear whole, and hold the same bytes whoever writes them, so several processes may fill one store.
    """

    def __init__(self, root: str | Path, settings: MediaSettings) -> None:
        self.root = str(root)
        self.settings = settings
        self.remote = is_remote(root)
        self._suffix = f"{content_digest(settings)}-{VERSION}"
        base = _cache_folder(self.root) if self.remote else Path(root)
        #: Where this machine keeps what belongs to these settings.
        self.folder = base / self._suffix
        self._waiting = self.folder / "waiting"
        self.shelf: Shelf = (
            RemoteShelf(
                storage.join(self.root, self._suffix, "shards"), self.folder / "shards", int(settings.cache_gib * 2**30)
            )
            if self.remote
            else LocalShelf(self.folder / "shards")
        )
        #: In which shards a clip is, and its row there.
        self._places: dict[str, list[tuple[str, int]]] = {}
        self._listed: set[str] = set()
        self._looked = False
        if not self.remote and (base / "entries").is_dir():
            logger.warning("%s holds clips that were prepared in an older form; they are prepared again, and this "
                           "folder can be removed", base / "entries")  # fmt: skip

    def key(self, path: str | Path) -> str:
        """Where the prepared form of this file is or will be: content digest, settings digest, code version."""
        return self.key_of(file_digest(path))

    def key_of(self, digest: str) -> str:
        """As :meth:`key`, by the SHA-256 of the file's bytes."""
        return f"{content_name(digest)}-{self._suffix}"

    def has(self, key: str) -> bool:
        """Whether the clip is there, in a shard or waiting for one."""
        return self._waits(key) or self._place(key) is not None

    def check(self, key: str) -> bool:
        """As :meth:`has`, and what waits is, byte for byte, what was written; of shards :meth:`verify` says it."""
        if self._place(key) is not None:
            return True
        try:
            return Shard(FileBytes(self._file(key))).intact()
        except FileNotFoundError:
            return False
        except DAMAGED:
            return False

    def verify(self) -> None:
        """Look at every byte of the shards on this machine; a damaged one is named and put away, as if it never was."""
        for name in self.shelf.names():
            if not self.shelf.verify(name):
                self._forget(name)

    def put(self, key: str, clip: PreparedClip) -> None:
        """Write a prepared clip; it waits for the next :meth:`pack`."""
        self._wait(key, Entry.of(key, clip))

    def put_failure(self, key: str, code: str, reason: str) -> None:
        """Write that a file cannot be prepared, so that nobody decodes it again to find that out.

        Only for what depends on nothing but the bytes of the file: a limit or a busy machine may change.
        """
        self._wait(key, Entry.failed(key, code, reason))

    def _wait(self, key: str, entry: Entry) -> None:
        with storage.appearing(self._file(key)) as part:
            write_shard(part, [entry])

    def pack(self, keys: Sequence[str] | None = None) -> int:
        """Move what waits into shards, which a remote store then holds; returns how many clips that were.

        Args:
            keys: only these, in this order; default all, by key.
        """
        if not any(self._waits(key) for key in (self._all_waiting() if keys is None else keys)):
            return 0
        with self._locked("pack"):
            self._list()
            for left in self.folder.glob(".packing-*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            waiting = [key for key in (sorted(self._all_waiting()) if keys is None else dict.fromkeys(keys))
                       if self._waits(key)]  # fmt: skip
            for key in [key for key in waiting if key in self._places]:  # packed by a process that was then ended
                self._file(key).unlink(missing_ok=True)
            waiting = [key for key in waiting if key not in self._places]
            batch: list[str] = []
            size = 0
            for key in waiting:
                batch.append(key)
                size += self._file(key).stat().st_size
                if len(batch) == SHARD_CLIPS or size >= SHARD_BYTES:
                    self._pack(batch)
                    batch, size = [], 0
            self._pack(batch)
        return len(waiting)

    def _pack(self, keys: Sequence[str]) -> None:
        entries = []
        for key in keys:
            try:
                entries.append(Shard(FileBytes(self._file(key))).entry(0))
            except DAMAGED as error:
                logger.warning("%s is not what was written (%s); the clip is prepared again", self._file(key), error)
                self._file(key).unlink(missing_ok=True)
        if not entries:
            return
        with tempfile.TemporaryDirectory(prefix=".packing-", dir=self.folder) as scratch:
            path = Path(scratch, "shard.npz")
            with naming(self.folder):
                write_shard(path, entries)
            name = shard_name(path, len(entries))
            self.shelf.add(path, name)
        self._know(name, [entry.meta["key"] for entry in entries])
        for key in keys:
            self._file(key).unlink(missing_ok=True)

    def get(self, key: str) -> PreparedClip:
        """Read a clip; its face pictures are read and decoded when they are asked for.

        Raises:
            DataError: ``not_prepared`` (no such clip), ``damaged`` (it is not what was written), or the code with which
                the file cannot be prepared.
        """
        try:
            shard, row = self._find(key)
            meta = shard.meta[row]
            if "failure" in meta:
                raise DataError(meta["failure"]["reason"], code=meta["failure"]["code"], where=key)
            return PreparedClip(
                faces=self._faces(key, meta), voice=meta["voice"], flags=tuple(meta["flags"]),
                details=meta["details"], sound=Sound(read=lambda: self._sound(key)),
                wide=self._wide(key, shard, row), **shard.arrays(row),
            )  # fmt: skip
        except DAMAGED as error:
            raise DataError(f"is not what was written ({error}); prepare the clips again", code="damaged",
                            where=f"{self.folder}: {key}") from error  # fmt: skip

    def _faces(self, key: str, meta: dict[str, Any]) -> FacePictures:
        def code(frame: int) -> Code:
            shard, row = self._find(key)  # anew, as what waits moves and copies are removed
            return shard.code(row, frame)

        return FacePictures(code, meta["frames"], meta["side"], coded=meta["coding"] == "jpeg")

    def _sound(self, key: str) -> Code:
        shard, row = self._find(key)  # anew, as above
        return shard.sound(row)

    def _wide(self, key: str, shard: Shard, row: int) -> WidePictures | None:
        if "wide" not in shard.meta[row]:
            return None

        def code(number: int) -> Code:
            there, place = self._find(key)  # anew, as above
            return there.wide_code(place, number)

        facts = shard.meta[row]["wide"]
        pictures = FacePictures(code, facts["count"], facts["side"], coded=facts["coding"] == "jpeg")
        return WidePictures(shard.wide_frames(row), pictures)

    def describe(self, key: str) -> dict[str, Any]:
        """What is known of a clip without its arrays: frames, frames_with_face, voice, flags, details; or failure."""
        place = self._place(key)
        shard, row = (self.shelf.columns(place[0]), place[1]) if place else self._find(key)
        return shard.meta[row]

    def functionals(self, keys: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Of so many clips the functionals, float32 ``[N, F]``, and whether they are of a voice, bool ``[N]``.

        Nothing else is read of a shard: at most 1 KB a clip.

        Raises:
            DataError: ``not_prepared``: one is not there.
        """
        found: dict[int, tuple[np.ndarray, bool]] = {}
        for shard, wanted in self._columns_of(keys):
            functionals, voice = shard.column("functionals"), shard.column("voice")
            found.update((number, (functionals[row], bool(voice[row]))) for number, row in wanted)
        ordered = [found[number] for number in range(len(keys))]
        return np.stack([values for values, _ in ordered]), np.array([heard for _, heard in ordered], bool)

    def contours(self, keys: Sequence[str]) -> np.ndarray:
        """Of so many clips how the descriptors run, float32 ``[N, 360]``, NaN of a clip without any that tell it.

        Nothing else is read of a shard: 1.4 KB a clip.

        Raises:
            DataError: ``not_prepared``: one is not there.
        """
        told = np.full((len(keys), CONTOURS), np.nan, np.float32)
        for shard, wanted in self._columns_of(keys):
            numbers, rows = zip(*wanted, strict=True)
            told[list(numbers)] = shard.contours()[list(rows)]
        return told

    def _columns_of(self, keys: Sequence[str]) -> Iterator[tuple[Shard, list[tuple[int, int]]]]:
        """The shards in which clips are, to read columns of: which clips by their numbers, and the row of each."""
        rows: dict[str, list[tuple[int, int]]] = {}
        for number, key in enumerate(keys):
            place = self._place(key)
            if place is None:
                shard, row = self._find(key)  # a file of its own, or a shard that another process made meanwhile
                yield shard, [(number, row)]
            else:
                rows.setdefault(place[0], []).append((number, place[1]))
        for name, wanted in rows.items():
            yield self.shelf.columns(name), wanted

    @contextlib.contextmanager
    def preparing(self, key: str) -> Iterator[None]:
        """Hold a clip while it is prepared: a second process that wants the same one waits and then finds it."""
        with self._locked(key):
            if not self.remote:  # another process may have packed it meanwhile
                self._list()
            yield

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / name).open("wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks: at worst the same work twice
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
            if name != "pack":
                with contextlib.suppress(OSError):
                    (locks / name).unlink()

    def _file(self, key: str) -> Path:
        return self._waiting / f"{key}.npz"

    def _waits(self, key: str) -> bool:
        return self._file(key).is_file()

    def _all_waiting(self) -> list[str]:
        return [path.name.removesuffix(".npz") for path in self._waiting.glob("[!.]*.npz")]

    def _find(self, key: str) -> tuple[Shard, int]:
        """Where a clip is read from."""
        place = self._place(key)
        if place is not None:
            return self.shelf.shard(place[0]), place[1]
        with contextlib.suppress(FileNotFoundError):
            return Shard(FileBytes(self._file(key))), 0
        self._list()
        place = self._place(key)
        if place is None:
            raise DataError("is not prepared; prepare the clips", code="not_prepared", where=f"{self.folder}: {key}")
        return self.shelf.shard(place[0]), place[1]

    def _place(self, key: str) -> tuple[str, int] | None:
        if not self._looked:
            self._list()
        places = self._places.get(key)
        return places[-1] if places else None

    def _list(self) -> None:
        """Look which shards there are."""
        self._looked = True
        names = self.shelf.names()
        for gone in self._listed.difference(names):
            self._forget(gone)
        new = [name for name in names if name not in self._listed]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for name, keys in zip(new, pool.map(self._keys_of, new), strict=True):
                self._know(name, keys)

    def _keys_of(self, name: str) -> list[str]:
        try:
            return self.shelf.keys(name)
        except DAMAGED as error:
            logger.warning("the shard %s cannot be read (%s); its clips are prepared again", name, error)
            return []

    def _know(self, name: str, keys: Sequence[str]) -> None:
        self._listed.add(name)
        for row, key in enumerate(keys):
            self._places.setdefault(key, []).append((name, row))

    def _forget(self, name: str) -> None:
        self._listed.discard(name)
        for key in list(self._places):
            self._places[key] = [place for place in self._places[key] if place[0] != name]
            if not self._places[key]:
                del self._places[key]


def _cache_folder(root: str) -> Path:
    return home() / "cache" / "prepared" / hashlib.sha256(root.encode()).hexdigest()[:16]
