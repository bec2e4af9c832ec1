"""Still face images with labels: FER2013 as Kaggle's CSV, class folders, a tar archive of either, a manifest."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import itertools
import logging
import math
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from affekt.dataset.clips import Clip
from affekt.dataset.file_names import IMAGE_SUFFIXES, is_media
from affekt.dataset.labels import LABELS
from affekt.dataset.manifest import NAME
from affekt.dataset.problems import Problem, raise_errors
from affekt.dataset.source import is_table, read_clips, read_source
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tree import clips_of_tree, is_archive
from affekt.errors import DataError, MediaError
from affekt.storage import Entry, Listing, exists, join, list_entries, open_local, read_bytes

logger = logging.getLogger(__name__)

#: Packed pictures of an archive are kept in memory: it can be read from front to back only.
MAX_ARCHIVE_BYTES = 4 << 30
_HEADER_BYTES = 4096
#: What a data set holds one of a row: clips, or still images of faces.
Unit = Literal["clips", "images"]


@dataclass(frozen=True)
class FaceImage:
    """One labelled still image.

    Attributes:
        id: unique in its source: the path below the folder or in the archive, or usage and number of a CSV row.
        uri: the file, ``archive#member`` or ``table.csv:line``.
        label: one of :data:`affekt.dataset.LABELS`.
        split: ``train``, ``val``, ``test``, or ``""`` where the source names none.
        subject: the person, or ``""``.
        where: the ``file:line`` or the file that named the image, for messages.
        pixels: uint8 ``[H, W]`` where the source holds bare pixels.
        encoded: the bytes of a picture file where it comes out of an archive.
    """

    id: str
    uri: str
    label: str
    split: str
    subject: str = ""
    where: str = ""
    pixels: np.ndarray | None = field(default=None, compare=False, repr=False)
    encoded: bytes | None = field(default=None, compare=False, repr=False)

    def as_clip(self) -> Clip:
        """The same facts as a row of a clip table."""
        return Clip(self.id, self.uri, self.label, self.subject, self.split, self.where)

    def load(self) -> np.ndarray:
        """The picture, uint8 ``[H, W, 3]`` RGB; a file is read now.

        Raises:
            MediaError: it is missing or cannot be decoded.
        """
        if self.pixels is not None:
            return np.repeat(self.pixels[:, :, None], 3, axis=2)
        import cv2  # heavy: cv2

        content = self.content()
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if picture is None:
            raise MediaError("not a picture that can be decoded", code="unreadable", where=self.uri)
        return np.ascontiguousarray(picture[:, :, ::-1])

    def content(self) -> bytes:
        """What tells two images apart: the bytes of the file, or the bare pixels.

        Raises:
            MediaError: the file is missing or may not be read.
        """
        if self.pixels is not None:
            return self.pixels.tobytes()
        if self.encoded is not None:
            return self.encoded
        try:
            return read_bytes(self.uri)
        except DataError as error:
            raise MediaError(error.message, code="missing", where=self.uri) from error


def read_faces(uri: str) -> list[FaceImage]:
    """All labelled face images of a source; files are opened by :meth:`FaceImage.load`, not here.

    Understood are: FER2013 as Kaggle has it (a CSV with ``emotion,pixels,Usage``, plain, gzipped or in a tar), folders
    per label with or without ``train/``, ``val/``, ``PublicTest/`` above them, a tar or tar.gz of such folders (read
    once from front to back, nothing is unpacked to disk), a ``manifest.csv``; local or ``s3://``. Training is
    ``train``, PublicTest ``val``, PrivateTest ``test``.

    Raises:
        DataError: there is nothing at ``uri``, in no layout that affekt understands, or with errors in its rows,
            which are listed together.
    """
    faces, problems = read_face_source(uri)
    raise_errors(problems, uri)
    for problem in problems:
        logger.warning("%s", problem)
    return faces


def read_face_source(uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The face images of a source and what is wrong with its rows, errors included; raises as :func:`read_faces`."""
    if is_archive(uri):
        with open_local(uri) as path:
            return _from_archive(path, uri)
    if is_pixel_table(uri):
        with open_local(uri) as path, _open_text(path, uri) as file:
            return _from_pixels(file, uri)
    if not is_table(uri) and not exists(join(uri, NAME)):
        files = [entry.uri for entry in list_entries(uri) if "/" not in entry.path]
        tables = [file for file in files if is_pixel_table(file)]
        if len(tables) > 1:
            raise DataError(
                f"holds several tables of pixels; name one: {', '.join(tables)}", code="ambiguous", where=uri
            )
        if tables:
            return read_face_source(tables[0])
    clips, problems = read_clips(uri, IMAGE_SUFFIXES)
    return [face_of(clip) for clip in clips], problems


def unit_of(uri: str) -> Unit:
    """Whether a data set holds clips or still images of faces; only names and headers are read.

    What is neither counts as clips, so that :func:`affekt.dataset.load_clips` says what is wrong with it.
    """
    return "images" if _holds_images(uri) else "clips"


def _holds_images(uri: str) -> bool:
    if is_archive(uri):
        return True
    try:
        if is_pixel_table(uri):
            return True
        read_source(uri)
    except DataError as error:
        if error.code != "no_clips":
            return False
    else:
        return False
    if is_table(uri) or exists(join(uri, NAME)):
        return True
    entries = list_entries(uri)
    return any(is_media(entry.path, IMAGE_SUFFIXES) for entry in entries) or any(
        "/" not in entry.path and is_pixel_table(entry.uri) for entry in entries
    )


def face_of(clip: Clip, encoded: bytes | None = None) -> FaceImage:
    """The face image of a row that names a picture file."""
    return FaceImage(clip.id, clip.uri, clip.label, clip.split, clip.subject, clip.where, encoded=encoded)


def is_pixel_table(uri: str) -> bool:
    """Whether a uri names a CSV file, plain or gzipped, whose header has ``emotion`` and ``pixels``."""
    if not uri.lower().endswith((".csv", ".csv.gz")):
        return False
    start = read_bytes(uri, first=_HEADER_BYTES)
    if uri.lower().endswith(".gz"):
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, _HEADER_BYTES)
        except zlib.error:
            return False
    return _is_pixel_header(start)


def _is_pixel_header(start: bytes) -> bool:
    line = start.partition(b"\n")[0].decode("utf-8-sig", "replace")
    return {"emotion", "pixels"} <= {name.strip().lower() for name in line.split(",")}


@contextlib.contextmanager
def _open_text(path: Path, uri: str) -> Iterator[io.TextIOBase]:
    packed = str(path).lower().endswith(".gz")
    try:
        with gzip.open(path) if packed else path.open("rb") as raw:
            yield io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"not a readable CSV file: {error}", code="unreadable", where=uri) from error


def _from_pixels(file: Iterable[str], uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The rows of Kaggle's FER2013 table: a number for the emotion, then the grey values of a square picture."""
    faces: list[FaceImage] = []
    problems: list[Problem] = []
    rows = csv.reader(file)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        for cells in rows:
            where = f"{uri}:{rows.line_num}"
            row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
            if any(row.values()):
                try:
                    faces.append(_pixel_face(row, where, rows.line_num - 1))
                except DataError as error:
                    problems.append(Problem(error.code, where, error.message))
    except csv.Error as error:
        raise DataError(f"not a readable CSV file: {error}", code="unreadable", where=uri) from error
    if not faces and not problems:
        raise DataError("lists no face images", code="empty", where=uri)
    return faces, problems


def _pixel_face(row: dict[str, str], where: str, number: int) -> FaceImage:
    emotion, usage = row.get("emotion", ""), row.get("usage", "")
    # Kaggle numbers the emotions 0 to 6 in the same order as AFEW's names.
    if not emotion.isdecimal() or int(emotion) >= len(LABELS):
        raise DataError(
            f"unknown emotion {emotion!r}; expected a number from 0 (angry) to 6 (neutral)", code="unknown_label"
        )
    split = canonical_split(usage) if usage else ""
    if split is None:
        raise DataError(f"unknown usage {usage!r}; expected Training, PublicTest or PrivateTest", code="unknown_split")
    try:
        values = bytes(map(int, row.get("pixels", "").split()))
    except ValueError as error:
        raise DataError("the pixels are not all whole numbers from 0 to 255", code="bad_pixels") from error
    side = math.isqrt(len(values))
    if side * side != len(values) or not values:
        raise DataError(f"{len(values)} pixels make no square picture; FER2013 has 48 x 48 = 2304", code="bad_pixels")
    pixels = np.frombuffer(values, np.uint8).reshape(side, side)
    return FaceImage(f"{usage or 'row'}_{number:05d}", where, LABELS[int(emotion)], split, where=where, pixels=pixels)


def _from_archive(path: Path, uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The pictures of a tar archive in one pass, or the rows of the pixel table that it holds."""
    pictures: dict[str, bytes] = {}
    entries: dict[str, Entry] = {}
    kept = 0
    try:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                if name.lower().endswith(".csv") and is_media(name, frozenset((".csv",))):
                    header = content.readline(_HEADER_BYTES)
                    if _is_pixel_header(header):
                        lines = (line.decode("utf-8") for line in content)
                        return _from_pixels(itertools.chain([header.decode("utf-8-sig")], lines), f"{uri}#{name}")
                entries[name] = Entry(name, f"{uri}#{name}", member.size)
                if is_media(name, IMAGE_SUFFIXES):
                    kept += member.size
                    if kept > MAX_ARCHIVE_BYTES:
                        limit = MAX_ARCHIVE_BYTES >> 30
                        raise DataError(
                            f"holds more than {limit} GiB of pictures, too much to keep in memory; unpack it and give "
                            "the folder",
                            code="too_large",
                            where=uri,
                        )
                    pictures[name] = content.read()
    except (tarfile.TarError, OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"not a readable tar archive: {error}", code="unreadable", where=uri) from error
    ordered = sorted(entries.values(), key=lambda entry: entry.path.split("/"))
    clips, problems = clips_of_tree(Listing(tuple(ordered)), uri, IMAGE_SUFFIXES)
    return [face_of(clip, pictures[clip.id]) for clip in clips], problems
