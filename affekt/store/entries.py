"""The prepared store: what was prepared of each clip, addressed by the content of the file and of the settings."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import logging
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affekt import storage
from affekt.errors import DataError
from affekt.extensions import detector_spec
from affekt.home import home
from affekt.media.prepared import PreparedClip
from affekt.media.weights import check_weights
from affekt.settings import MediaSettings
from affekt.settings.limits import LIMITS
from affekt.storage import file_digest, is_remote

logger = logging.getLogger(__name__)

#: Raised whenever the code prepares the same file differently, so that old entries are not taken for new ones.
VERSION = 2
#: Settings that only say which files are refused; they do not change what is prepared.
_LIMITS = (*LIMITS, "max_skipped")
_FACES, _ARRAYS, _ENTRY = "faces.npy", "arrays.npz", "entry.json"
_SMALL = ("present", "boxes", "times", "functionals", "descriptors")


def content_digest(settings: MediaSettings) -> str:
    """16 hexadecimal digits of what in the settings decides the content of an entry; weights count by their bytes."""
    values = {name: value for name, value in dataclasses.asdict(settings).items() if name not in _LIMITS}
    if settings.detector_model:
        check_weights(settings)
        values["detector_model"] = file_digest(settings.detector_model)
    version = detector_spec(settings.detector).version
    if version > 1:
        values["detector"] = f"{settings.detector} {version}"
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Store:
    """Entries below a folder, or below ``s3://bucket/prefix`` with a local folder as cache.

    An entry is a folder with ``faces.npy`` (memory-mapped on reading), ``arrays.npz`` and ``entry.json``, which holds
    the sizes and SHA-256 digests of the other two. Entries appear whole (written beside, then renamed), and are
    byte-identical whoever writes them, so several processes may fill one store.
    """

    def __init__(self, root: str | Path, settings: MediaSettings) -> None:
        self.root = str(root)
        self.settings = settings
        self.remote = is_remote(root)
        self.folder = _cache_folder(self.root) if self.remote else Path(root)
        self._suffix = f"{content_digest(settings)}-{VERSION}"

    def key(self, path: str | Path) -> str:
        """Where the prepared form of this file is or will be: content digest, settings digest, code version."""
        return f"{file_digest(path)[:32]}-{self._suffix}"

    def has(self, key: str) -> bool:
        """Whether the entry is there and its files have the sizes that they had when written."""
        if self._fault(key) is None:
            return True
        return self.remote and self._fetch(key) and self._fault(key) is None

    def check(self, key: str) -> bool:
        """As :meth:`has`, and every byte is what was written; below a remote root it is there, too."""
        if not self.has(key) or self._fault(key, full=True) is not None:
            return False
        if self.remote and not self._is_sent(key):
            self._send(key)
        return True

    def put(self, key: str, clip: PreparedClip) -> None:
        """Write an entry. An intact one of the same key is left as it is; a damaged one is replaced."""
        scratch = self._scratch()
        np.save(scratch / _FACES, np.ascontiguousarray(clip.faces), allow_pickle=False)
        np.savez(scratch / _ARRAYS, allow_pickle=False, **{name: getattr(clip, name) for name in _SMALL})
        files = {}
        for name in (_FACES, _ARRAYS):
            files[name] = {"bytes": (scratch / name).stat().st_size, "sha256": file_digest(scratch / name)}
        entry = {
            "key": key, "version": VERSION, "frames": len(clip.faces), "frames_with_face": int(clip.present.sum()),
            "voice": clip.voice, "flags": list(clip.flags), "details": clip.details, "files": files,
        }  # fmt: skip
        self._finish(scratch, key, entry)

    def put_failure(self, key: str, code: str, reason: str) -> None:
        """Write that a file cannot be prepared, so that nobody decodes it again to find that out.

        Only for what depends on nothing but the bytes of the file: a limit or a busy machine may change.
        """
        entry = {"key": key, "version": VERSION, "failure": {"code": code, "reason": reason}, "files": {}}
        self._finish(self._scratch(), key, entry)

    def _finish(self, scratch: Path, key: str, entry: dict[str, Any]) -> None:
        (scratch / _ENTRY).write_text(json.dumps(entry, sort_keys=True, indent=1), encoding="utf-8")
        self._place(scratch, key)
        if self.remote:
            self._send(key)

    def get(self, key: str) -> PreparedClip:
        """Read an entry; the faces are memory-mapped, read-only.

        Raises:
            DataError: ``not_prepared`` (no such entry), ``damaged`` (its files are not what was written), or the code
                with which the file cannot be prepared.
        """
        if not self.has(key):
            fault = self._fault(key)
            code = "not_prepared" if fault == "is not there" else "damaged"
            raise DataError(f"{fault}; prepare the clips again", code=code, where=str(self._entry(key)))
        folder = self._entry(key)
        entry = self.describe(key)
        if "failure" in entry:
            raise DataError(entry["failure"]["reason"], code=entry["failure"]["code"], where=str(folder))
        faces_file = folder / _FACES
        faces = np.load(faces_file, mmap_mode="r" if entry["frames"] else None, allow_pickle=False)
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            small = {name: arrays[name] for name in _SMALL}
        return PreparedClip(
            faces=faces, voice=entry["voice"], flags=tuple(entry["flags"]), details=entry["details"], **small
        )

    def describe(self, key: str) -> dict[str, Any]:
        """What ``entry.json`` says: frames, frames_with_face, voice, flags, details, files; or failure and files."""
        text = (self._entry(key) / _ENTRY).read_text(encoding="utf-8")
        entry: dict[str, Any] = json.loads(text)
        return entry

    @contextlib.contextmanager
    def preparing(self, key: str) -> Iterator[None]:
        """Hold an entry while it is made: a second process that wants the same one waits and then finds it."""
        locks = self.folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with (locks / key).open("wb") as file:
            with contextlib.suppress(OSError):  # a file system without locks: at worst the same work twice
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
            with contextlib.suppress(OSError):
                (locks / key).unlink()

    def _entry(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / key

    def _scratch(self) -> Path:
        folder = self.folder / "tmp" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def _fault(self, key: str, *, full: bool = False) -> str | None:
        """What is wrong with the local entry, if anything."""
        folder = self._entry(key)
        try:
            entry = self.describe(key)
            for name, stated in entry["files"].items():
                size = (folder / name).stat().st_size
                if size != stated["bytes"]:
                    return f"{name} has {size} bytes instead of {stated['bytes']}"
                if (full or name == _ARRAYS) and file_digest(folder / name) != stated["sha256"]:
                    return f"{name} is not what was written"
        except FileNotFoundError:
            return f"{_FACES} or {_ARRAYS} is missing" if (folder / _ENTRY).is_file() else "is not there"
        except (OSError, ValueError, KeyError, TypeError) as error:
            return f"{_ENTRY} cannot be read ({error})"
        return None

    def _place(self, scratch: Path, key: str) -> None:
        final = self._entry(key)
        final.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(5):
            try:
                scratch.rename(final)
                return
            except OSError:
                if not final.exists():
                    raise
                if self._fault(key, full=True) is None:
                    shutil.rmtree(scratch, ignore_errors=True)
                    return
                with contextlib.suppress(OSError):  # another process may have moved it first
                    aside = self._scratch()
                    final.rename(aside / "damaged")
                    shutil.rmtree(aside, ignore_errors=True)
        raise DataError("could not be replaced", code="damaged", where=str(final))

    def _remote_entry(self, key: str) -> str:
        return storage.join(self.root, "entries", key[:2], key)

    def _is_sent(self, key: str) -> bool:
        return storage.exists(storage.join(self._remote_entry(key), _ENTRY))

    def _send(self, key: str) -> None:
        for name in (*self.describe(key)["files"], _ENTRY):  # what makes it whole comes last
            storage.write_bytes(storage.join(self._remote_entry(key), name), (self._entry(key) / name).read_bytes())

    def _fetch(self, key: str) -> bool:
        if not self._is_sent(key):
            return False
        scratch = self._scratch()
        storage.download_folder(self._remote_entry(key), scratch)
        self._place(scratch, key)
        return True


def _cache_folder(root: str) -> Path:
    return home() / "cache" / "prepared" / hashlib.sha256(root.encode()).hexdigest()[:16]
