"""What a prepared clip is, and the index of a prepared set of clips."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from sys import intern
from typing import Any

import numpy as np

from affekt.dataset.clips import Unit
from affekt.dataset.labels import in_order
from affekt.errors import DataError
from affekt.media.contours import contours_in
from affekt.media.mel import BANDS, mel_spectrogram
from affekt.media.pictures import FacePictures
from affekt.media.sound_code import Sound

#: The way in which files are prepared. Raised whenever the code prepares the same file differently, so that the store's
#: old entries are not taken for new ones and a model that learned from them can be told.
PREPARATION = 10


@dataclass(frozen=True)
class WidePictures:
    """Faces with a margin around them, of some of a clip's frames.

    Attributes:
        frames: int ``[N]``, the numbers of the frames, ascending; every one has a face.
        pictures: uint8 ``[N, W, W, 3]`` RGB, as :attr:`PreparedClip.faces`.
    """

    frames: np.ndarray
    pictures: np.ndarray | FacePictures


@dataclass(frozen=True)
class PreparedClip:
    """All that the models see of one clip. Row t of every per-frame array belongs to the same decoded frame.

    Attributes:
        faces: uint8 ``[T, S, S, 3]`` RGB face crops, an array or pictures that are decoded when they are asked for;
            zeros in a frame without a face.
        present: bool ``[T]``, whether frame t has a face.
        boxes: float32 ``[T, 4]``, left, top, width, height in source pixels; NaN without a face.
        times: float32 ``[T]``, seconds from the start of the clip.
        functionals: float32 ``[88]`` eGeMAPSv02 functionals; never NaN; zeros where ``voice`` is false.
        descriptors: float32 ``[A, D]`` acoustic descriptors of short frames, one each 0.01 s from the start of the clip
            (25 of eGeMAPSv02); never NaN; no rows where ``voice`` is false.
        sound: what the functionals are of, mono at 16 kHz; no samples where ``voice`` is false.
        wide: faces with a margin of evenly spaced frames; None where the settings ask for none.
        voice: whether the functionals come from usable sound.
        flags: words such as ``no_face``, ``no_sound``, ``silent``, ``short_sound``, ``black_frames``, ``truncated``.
        details: counts that belong to the flags (``{"black_frames": 12}``) and facts of the source.
    """

    faces: np.ndarray | FacePictures
    present: np.ndarray
    boxes: np.ndarray
    times: np.ndarray
    functionals: np.ndarray
    voice: bool
    flags: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    descriptors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    sound: Sound = field(default_factory=Sound)
    wide: WidePictures | None = None

    @property
    def face_frames(self) -> np.ndarray:
        """The numbers of the frames that have a face, ascending."""
        return np.flatnonzero(self.present)

    @property
    def middle_face(self) -> np.ndarray | None:
        """The face in the middle of the time that it is seen, uint8 ``[S, S, 3]``; None where there is none."""
        frames = self.face_frames
        return np.asarray(self.faces[frames[len(frames) // 2]]) if len(frames) else None

    @cached_property
    def mel(self) -> np.ndarray:
        """The power mel spectrogram of what is heard, float32 ``[B, 40]``; no rows without sound."""
        samples = self.sound.samples
        return mel_spectrogram(samples.astype(np.float32) / 32768) if len(samples) else np.zeros((0, BANDS), np.float32)

    @cached_property
    def contours(self) -> np.ndarray | None:
        """How the descriptors run, float32 ``[360]`` (:mod:`affekt.media.contours`); None without eGeMAPS' 25."""
        return contours_in(self.descriptors)


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """One clip or image of a prepared set: who and what it is, and the key of its entry in the store."""

    clip: str
    label: str
    subject: str
    split: str
    key: str
    frames: int
    frames_with_face: int
    voice: bool
    flags: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """What is the same for the same file, however it is prepared; of an image, for the same pixels as stored."""
        return self.key.partition("-")[0]


def picture_digest(picture: np.ndarray) -> str:
    """The content of a still image in the stored size, uint8 ``[S, S, 3]``."""
    return hashlib.sha256(np.ascontiguousarray(picture).data).hexdigest()


@dataclass(frozen=True, slots=True)
class SkippedClip:
    """A clip that could not be used, or a part of it that could not: the code and the reason."""

    clip: str
    code: str
    reason: str


@dataclass(frozen=True)
class PreparedIndex:
    """The clips or images of a prepared set, in the order of their table, and those that were skipped.

    Attributes:
        rows: the clips that can be used, wholly or partly.
        skipped: why a clip is not among them, or what of it cannot be used.
        unit: what a row is one of, ``clips`` or ``images``; :func:`affekt.store.store_of` knows where these are.
        source: of images, the data set that they came from.
        folder: that it was read from.
        decoded: how many clips were decoded into the store for it; the others were there. Not a part of its identity.
        unusable: the contents of clips that cannot be used, as far as they could be read.
    """

    rows: tuple[PreparedRow, ...]
    skipped: tuple[SkippedClip, ...] = ()
    unit: Unit = "clips"
    source: str = field(default="", compare=False)
    folder: Path | None = field(default=None, compare=False)
    decoded: int = field(default=0, compare=False)
    unusable: tuple[str, ...] = field(default=(), compare=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[PreparedRow]:
        return iter(self.rows)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that occur, in canonical order."""
        return in_order(row.label for row in self.rows)

    def select(self, split: str) -> PreparedIndex:
        """The rows of one split."""
        return replace(self, rows=tuple(row for row in self.rows if row.split == split), skipped=())

    def attributes(self, clips: Iterable[str]) -> dict[str, list[str]]:
        """Every further attribute that one of the named clips has: its value for each of them, ``""`` where not known.

        Args:
            clips: ids of clips of the index, in the wanted order.
        """
        of_clip = {row.clip: row.attributes for row in self.rows}
        wanted = [of_clip[clip] for clip in clips]
        names = sorted({name for attributes in wanted for name in attributes})
        return {name: [attributes.get(name, "") for attributes in wanted] for name in names}

    def write(self, folder: Path) -> None:
        """Write ``index.csv``, ``skipped.csv`` and ``unit.json`` into a folder, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"unit": self.unit, "source": self.source, "unusable": list(self.unusable)}
        (folder / "unit.json").write_text(json.dumps(facts), encoding="utf-8")
        with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(
                [
                    "clip",
                    "label",
                    "subject",
                    "split",
                    "key",
                    "frames",
                    "frames_with_face",
                    "voice",
                    "flags",
                    "attributes",
                ]
            )
            for row in self.rows:
                writer.writerow(
                    [
                        row.clip, row.label, row.subject, row.split, row.key, row.frames, row.frames_with_face,
                        int(row.voice), " ".join(row.flags), json.dumps(row.attributes, sort_keys=True),
                    ]
                )  # fmt: skip
        with (folder / "skipped.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["clip", "code", "reason"])
            writer.writerows((item.clip, item.code, item.reason) for item in self.skipped)

    @classmethod
    def read(cls, folder: Path) -> PreparedIndex:
        """Read what :meth:`write` wrote; an index without a unit is an older one, of clips.

        Raises:
            DataError: the folder holds no index.
        """
        index = folder / "index.csv"
        if not index.is_file():
            raise DataError("holds no index.csv; expected a prepared set", code="not_prepared", where=str(folder))
        with index.open(newline="", encoding="utf-8") as file:
            rows = tuple(
                PreparedRow(
                    row["clip"], intern(row["label"]), intern(row["subject"]), intern(row["split"]), row["key"],
                    int(row["frames"]), int(row["frames_with_face"]), row["voice"] == "1",
                    tuple(map(intern, row["flags"].split())), json.loads(row["attributes"]),
                )
                for row in csv.DictReader(file)
            )  # fmt: skip
        with (folder / "skipped.csv").open(newline="", encoding="utf-8") as file:
            skipped = tuple(SkippedClip(row["clip"], row["code"], row["reason"]) for row in csv.DictReader(file))
        unit = folder / "unit.json"
        facts: dict[str, Any] = {"unit": "clips", "source": ""}
        if unit.is_file():
            facts = json.loads(unit.read_text(encoding="utf-8"))
        unusable = tuple(facts.get("unusable", ()))
        return cls(rows, skipped, facts["unit"], facts["source"], folder, unusable=unusable)

    @classmethod
    def merge(cls, parts: Iterable[PreparedIndex], order: Iterable[str]) -> PreparedIndex:
        """One index of several shards of clips, its clips in the given order whatever the number of shards."""
        shards = list(parts)
        position = {clip: number for number, clip in enumerate(order)}
        rows = sorted((row for part in shards for row in part.rows), key=lambda row: position[row.clip])
        skipped = sorted((item for part in shards for item in part.skipped), key=lambda item: position[item.clip])
        unusable = tuple(sorted({content for part in shards for content in part.unusable}))
        return cls(tuple(rows), tuple(skipped), decoded=sum(part.decoded for part in shards), unusable=unusable)


@dataclass(frozen=True)
class FaceSet:
    """Still face images: uint8 ``[N, S, S, 3]`` RGB, N labels, N splits (``train``, ``val``, ``test`` or ``""``).

    ``names`` are their N ids in their source, or empty.
    """

    images: np.ndarray
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    names: tuple[str, ...] = ()

    def name(self, number: int) -> str:
        """What score tables call an image."""
        return self.names[number] if self.names else f"face/{number:06d}"

    def write(self, folder: Path) -> None:
        """Write ``images.npy`` and ``faces.csv``."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", self.images)
        with (folder / "faces.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["label", "split", "name"])
            writer.writerows(zip(self.labels, self.splits, self.names or [""] * len(self.labels), strict=True))

    @classmethod
    def read(cls, folder: Path) -> FaceSet:
        """Read what :meth:`write` wrote; the images are memory-mapped."""
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        with (folder / "faces.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        names = tuple(row["name"] for row in rows) if rows and rows[0].get("name") else ()
        return cls(images, tuple(row["label"] for row in rows), tuple(row["split"] for row in rows), names)
