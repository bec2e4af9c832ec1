"""A shard: many prepared clips in one file, an uncompressed zip of NumPy arrays whose small tables are read alone."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from affekt.media.contours import CONTOURS
from affekt.media.pictures import Code, FacePictures
from affekt.media.prepared import PreparedClip

#: Zip files say when a member was written; here that is always the same, so that equal clips give equal bytes.
_DATE = (1980, 1, 1, 0, 0, 0)
#: Bytes of the sizes that stand between a member's name and its content.
_EXTRA = 20
#: All that is kept of a clip besides its pictures and its sound.
_KEPT = ("boxes", "times", "present", "functionals", "descriptors")
#: What there is besides of wider pictures.
_WIDE = ("wide_frames", "wide_bytes")


class Source(Protocol):
    """The bytes of a shard, wherever they are."""

    size: int

    def read(self, first: int, count: int) -> Code:
        """``count`` bytes from ``first`` on."""

    def expect(self, first: int, count: int) -> None:
        """So many bytes are going to be read, in parts."""


class FileBytes:
    """A file on this machine; it is open only while it is read, so that no number of shards needs many descriptors."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def read(self, first: int, count: int) -> Code:
        with self._path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), count, first)

    def expect(self, first: int, count: int) -> None:
        """Parts cost as much as the whole."""


@dataclass(frozen=True)
class Entry:
    """All that is kept of one clip.

    Attributes:
        meta: what is written as JSON: key, frames, frames_with_face, voice, flags, details, side, coding, and of wider
            pictures their side and number; or failure.
        arrays: the clip's rows of each column but those of pictures.
        codes: of each frame's picture.
        wide: of each wider picture.
        sound: of what is heard.
    """

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]
    codes: Sequence[Code]
    wide: Sequence[Code] = ()
    sound: Code = b""

    @classmethod
    def of(cls, key: str, clip: PreparedClip) -> Entry:
        """A clip as it was prepared; pictures that are not coded are kept as they are."""
        faces, codes, coding = clip.faces, *_coded(clip.faces)
        sound = clip.sound.code()
        meta = {
            "key": key, "frames": len(faces), "frames_with_face": int(clip.present.sum()), "voice": bool(clip.voice),
            "flags": list(clip.flags), "details": clip.details, "side": int(faces.shape[1]),
            "coding": coding, "descriptors": list(clip.descriptors.shape), "sound": len(sound),
        }  # fmt: skip
        arrays = {name: getattr(clip, name) for name in _KEPT}
        arrays["picture_bytes"] = _lengths(codes)
        if clip.contours is not None:
            arrays["contours"] = clip.contours
        if clip.wide is None:
            return cls(meta, arrays, codes, sound=sound)
        wide, coding = _coded(clip.wide.pictures)
        meta["wide"] = {"side": int(clip.wide.pictures.shape[1]), "coding": coding, "count": len(wide)}
        return cls(meta, {**arrays, "wide_frames": clip.wide.frames, "wide_bytes": _lengths(wide)}, codes, wide, sound)

    @classmethod
    def failed(cls, key: str, code: str, reason: str) -> Entry:
        """A file that cannot be prepared."""
        return cls({"key": key, "failure": {"code": code, "reason": reason}}, {}, ())


def _coded(pictures: np.ndarray | FacePictures) -> tuple[list[Code], str]:
    """The code of each picture, and how they are coded."""
    if isinstance(pictures, FacePictures):
        return [pictures.code(number) for number in range(len(pictures))], "jpeg" if pictures.coded else "raw"
    return [picture.tobytes() for picture in pictures], "raw"


def _lengths(codes: Sequence[Code]) -> np.ndarray:
    return np.array([len(code) for code in codes], np.int32)


def write_shard(path: Path, entries: Sequence[Entry]) -> None:
    """Write clips into one file; it holds the same bytes whoever writes the same clips in the same order.

    What is asked of all clips comes last, so that one short read from the end gets it.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _codes(archive, "pictures", [entry.codes for entry in entries])
        wide = any("wide" in entry.meta for entry in entries)
        if wide:
            _codes(archive, "wide", [entry.wide for entry in entries])
        _codes(archive, "sound", [[entry.sound] for entry in entries])
        _column(archive, "descriptors", entries, np.float32, 2)
        _column(archive, "boxes", entries, np.float32, 2)
        for name, dtype in (("times", np.float32), ("present", np.bool_), ("picture_bytes", np.int32)):
            _column(archive, name, entries, dtype, 1)
        for name in _WIDE if wide else ():
            _column(archive, name, entries, np.int32, 1)
        meta = json.dumps([entry.meta for entry in entries], sort_keys=True).encode()
        _write(archive, "meta", np.uint8, (len(meta),), [meta])
        _vectors(archive, "contours", entries, np.nan)
        voice = np.array([entry.meta.get("voice", False) for entry in entries], np.bool_)
        _write(archive, "voice", voice.dtype, voice.shape, [voice.tobytes()])
        _vectors(archive, "functionals", entries, 0.0)
        keys = np.array([entry.meta["key"] for entry in entries], np.bytes_)
        _write(archive, "key", keys.dtype, keys.shape, [keys.tobytes()])


def _codes(archive: zipfile.ZipFile, name: str, codes: Sequence[Sequence[Code]]) -> None:
    """The codes of all clips' pictures, or of their sounds, behind each other."""
    size = sum(len(code) for of_clip in codes for code in of_clip)
    _write(archive, name, np.uint8, (size,), (code for of_clip in codes for code in of_clip))


def _column(archive: zipfile.ZipFile, name: str, entries: Sequence[Entry], dtype: Any, dimensions: int) -> None:
    """The rows of all clips below each other."""
    parts = [entry.arrays[name] for entry in entries if len(entry.arrays.get(name, ()))]
    shape = (sum(len(part) for part in parts), *(parts[0].shape[1:] if parts else (0,) * (dimensions - 1)))
    _write(archive, name, dtype, shape, (np.ascontiguousarray(part, dtype).tobytes() for part in parts))


def _vectors(archive: zipfile.ZipFile, name: str, entries: Sequence[Entry], absent: float) -> None:
    """One row a clip, filled up where it has none."""
    width = max((len(entry.arrays.get(name, ())) for entry in entries), default=0)
    rows = (entry.arrays.get(name, np.full(width, absent, np.float32)) for entry in entries)
    _write(archive, name, np.float32, (len(entries), width),
           (np.ascontiguousarray(row, np.float32).tobytes() for row in rows))  # fmt: skip


def _write(archive: zipfile.ZipFile, name: str, dtype: Any, shape: tuple[int, ...], parts: Iterable[Code]) -> None:
    facts = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
    with archive.open(zipfile.ZipInfo(f"{name}.npy", _DATE), "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, facts)
        for part in parts:
            file.write(part)


class Shard:
    """Reads a shard: a column, or one clip.

    Raises:
        ValueError, zipfile.BadZipFile, KeyError: it is not what was written.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._archive = zipfile.ZipFile(_File(source))

    @cached_property
    def keys(self) -> list[str]:
        """The keys of the clips, in their order."""
        return [key.decode() for key in self.column("key").tolist()]

    @cached_property
    def meta(self) -> list[dict[str, Any]]:
        """What :class:`Entry` says of each clip."""
        described: list[dict[str, Any]] = json.loads(self.column("meta").tobytes())
        return described

    def column(self, name: str) -> np.ndarray:
        """A whole column; its checksum is looked at."""
        info = self._archive.getinfo(f"{name}.npy")
        head = 30 + len(info.filename) + _EXTRA
        self._source.expect(info.header_offset, head + info.file_size)
        with self._archive.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)

    def intact(self) -> bool:
        """Whether every byte is what was written, by the checksums of all columns."""
        return self._archive.testzip() is None

    def entry(self, row: int) -> Entry:
        """One clip, to be written elsewhere."""
        meta = self.meta[row]
        if "failure" in meta:
            return Entry(meta, {}, ())
        arrays = self.arrays(row)
        arrays["picture_bytes"] = self._rows("picture_bytes", self._frames[row], meta["frames"])
        if not np.isnan(contours := self.contours()[row]).any():
            arrays["contours"] = contours
        codes = [self.code(row, frame) for frame in range(meta["frames"])]
        if "wide" not in meta:
            return Entry(meta, arrays, codes, sound=self.sound(row))
        count = meta["wide"]["count"]
        for name in _WIDE:
            arrays[name] = self._rows(name, self._wide[row], count)
        wide = [self.wide_code(row, number) for number in range(count)]
        return Entry(meta, arrays, codes, wide, self.sound(row))

    def arrays(self, row: int) -> dict[str, np.ndarray]:
        """The arrays of one clip but its pictures and its sound."""
        meta = self.meta[row]
        first, count = self._frames[row], meta["frames"]
        arrays = {name: self._rows(name, first, count) for name in ("boxes", "times", "present")}
        shape = meta["descriptors"]
        arrays["descriptors"] = self._rows("descriptors", self._steps[row], shape[0]).reshape(shape)
        arrays["functionals"] = self._rows("functionals", row, 1)[0]
        return arrays

    def contours(self) -> np.ndarray:
        """How the descriptors of each clip run, float32 ``[N, 360]``, NaN where there are none that tell it."""
        told = self.column("contours")
        return told if told.shape[1] else np.full((len(told), CONTOURS), np.nan, np.float32)

    def code(self, row: int, frame: int) -> Code:
        """The code of one frame's picture."""
        return self._code("pictures", self._pictures, self._frames[row] + frame)

    def sound(self, row: int) -> Code:
        """The code of what is heard of one clip."""
        return self._code("sound", self._sounds, row)

    def wide_frames(self, row: int) -> np.ndarray:
        """The frames of which one clip has wider pictures."""
        return self._rows("wide_frames", self._wide[row], self.meta[row]["wide"]["count"])

    def wide_code(self, row: int, number: int) -> Code:
        """The code of one wider picture."""
        return self._code("wide", self._wide_pictures, self._wide[row] + number)

    def _code(self, name: str, places: Sequence[int] | np.ndarray, number: int) -> Code:
        first, last = places[number], places[number + 1]
        return self._source.read(self._layout[name][2] + int(first), int(last - first))

    @cached_property
    def _frames(self) -> list[int]:
        return [0, *np.cumsum([meta.get("frames", 0) for meta in self.meta]).tolist()]

    @cached_property
    def _steps(self) -> list[int]:
        return [0, *np.cumsum([meta.get("descriptors", [0])[0] for meta in self.meta]).tolist()]

    @cached_property
    def _sounds(self) -> list[int]:
        return [0, *np.cumsum([meta.get("sound", 0) for meta in self.meta]).tolist()]

    @cached_property
    def _pictures(self) -> np.ndarray:
        """Where the pictures begin, int64 ``[T + 1]``."""
        return np.concatenate([[0], np.cumsum(self.column("picture_bytes"), dtype=np.int64)])

    @cached_property
    def _wide(self) -> list[int]:
        return [0, *np.cumsum([meta.get("wide", {"count": 0})["count"] for meta in self.meta]).tolist()]

    @cached_property
    def _wide_pictures(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.column("wide_bytes"), dtype=np.int64)])

    @cached_property
    def _layout(self) -> dict[str, tuple[np.dtype, tuple[int, ...], int]]:
        """Of each column the type and shape, and where in the file its first value is."""
        layout = {}
        for info in self._archive.infolist():
            local = bytes(self._source.read(info.header_offset, 30))
            start = info.header_offset + 30 + int.from_bytes(local[26:28], "little")
            start += int.from_bytes(local[28:30], "little")
            head = io.BytesIO(bytes(self._source.read(start, min(256, info.file_size))))
            np.lib.format.read_magic(head)
            shape, _, dtype = np.lib.format.read_array_header_1_0(head)
            layout[info.filename.removesuffix(".npy")] = (dtype, shape, start + head.tell())
        return layout

    def _rows(self, name: str, first: int, count: int) -> np.ndarray:
        """Some rows of a column, a copy."""
        dtype, shape, start = self._layout[name]
        width = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        data = self._source.read(start + first * width, count * width)
        return np.frombuffer(data, dtype).reshape(count, *shape[1:]).copy()


class _File(io.RawIOBase):
    """A source as the seekable file that zipfile reads."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        return self._at

    def read(self, count: int = -1) -> bytes:
        left = max(0, self._source.size - self._at)
        data = bytes(self._source.read(self._at, left if count < 0 else min(count, left)))
        self._at += len(data)
        return data
