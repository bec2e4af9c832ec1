"""Still face images with labels: FER2013 as Kaggle's table, class folders, an archive of either, a manifest."""

from __future__ import annotations

import logging
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.dataset.archives import Held, Kept, is_archive, opened
from affekt.dataset.clips import Clip, Unit
from affekt.dataset.file_names import IMAGE_SUFFIXES, is_media, is_of_a_system
from affekt.dataset.left_out import left_out
from affekt.dataset.manifest import manifest_of
from affekt.dataset.picture_file import MOST_BYTES, decode_picture
from affekt.dataset.pixels import has_pixels, pixel_rows
from affekt.dataset.problems import Problem, first_of_each_code, raise_errors, some
from affekt.dataset.several import places_of
from affekt.dataset.source import is_table, read_clips, read_source
from affekt.dataset.tables import Table, header_of, is_table_name, open_table, packing_of, text_of
from affekt.dataset.tree import clips_of_tree
from affekt.errors import DataError, MediaError
from affekt.storage import Entry, Listing, PassedOver, list_entries, list_folder, open_local, read_bytes

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

#: Of the pictures of an archive, which are kept on the disk while they are used, in all and of one.
MAX_ARCHIVE_BYTES, MAX_PICTURE_BYTES = 4 << 30, 64 << 20
_HEADER_BYTES = 4096


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
        held: the bytes of a picture file where it comes out of an archive.
    """

    id: str
    uri: str
    label: str
    split: str
    subject: str = ""
    where: str = ""
    pixels: np.ndarray | None = field(default=None, compare=False, repr=False)
    held: Held | None = field(default=None, compare=False, repr=False)

    def as_clip(self) -> Clip:
        """The same facts as a row of a clip table."""
        return Clip(self.id, self.uri, self.label, self.subject, self.split, self.where)

    def load(self) -> np.ndarray:
        """The picture, uint8 ``[H, W, 3]`` RGB; a file is read now.

        Raises:
            MediaError: it is missing, over a limit, or cannot be decoded.
        """
        if self.pixels is not None:
            return self.pixels[:, :, None].repeat(3, axis=2)
        return decode_picture(self.content(), self.uri)

    def content(self) -> bytes:
        """What tells two images apart: the bytes of the file, or the bare pixels.

        Raises:
            MediaError: the file is missing or may not be read.
        """
        if self.pixels is not None:
            return self.pixels.tobytes()
        if self.held is not None:
            return self.held.read()
        try:
            return read_bytes(self.uri, first=MOST_BYTES + 1)
        except DataError as error:
            raise MediaError(error.message, code="missing", where=self.uri) from error


def read_faces(uri: str) -> list[FaceImage]:
    """All labelled face images of a source; files are opened by :meth:`FaceImage.load`, not here.

    Understood are: FER2013 as Kaggle has it (a table with ``emotion,pixels,Usage``, plain, packed or in an archive),
    folders per label with or without ``train/``, ``val/``, ``PublicTest/`` above them, a tar (also packed with gzip,
    bzip2 or xz) or a zip of such folders, a ``manifest.csv``; local or ``s3://``. Training is ``train``, PublicTest
    ``val``, PrivateTest ``test``. Of an archive no more than the names are in memory.

    Raises:
        DataError: there is nothing at ``uri``, in no layout that affekt understands, or with errors in its rows,
            which are listed together.
    """
    faces, problems = read_face_source(uri)
    raise_errors(problems, uri)
    for line in first_of_each_code(problems, uri):
        logger.warning("%s", line)
    return faces


def read_face_source(uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The face images of a source and what is wrong with its rows, errors included; raises as :func:`read_faces`."""
    if is_archive(uri):
        with open_local(uri) as path:
            return _from_archive(path, uri)
    if is_pixel_table(uri):
        with open_local(uri) as path, open_table(path, uri) as table:
            return pixel_faces(table, uri)
    if not is_table(uri) and not manifest_of(uri):
        tables = _pixel_tables(uri)
        if len(tables) > 1:
            raise DataError(
                f"holds several tables of pixels; name one: {', '.join(tables)}", code="ambiguous", where=uri
            )
        if tables:
            found, problems = read_face_source(tables[0])
            return found, problems + _beside(list_folder(uri), tables[0], uri)
    clips, problems = read_clips(uri, IMAGE_SUFFIXES)
    return [face_of(clip) for clip in clips], problems


def unit_of(uri: str) -> Unit:
    """Whether a data set holds clips or still images of faces; only names and headers are read.

    What is neither counts as clips, so that :func:`affekt.dataset.load_clips` says what is wrong with it.
    """
    return "images" if _holds_images(uri) else "clips"


def _holds_images(uri: str) -> bool:
    if len(places_of(uri)) > 1:  # several data sets are of clips
        return False
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
    if is_table(uri) or manifest_of(uri):
        return True
    return any(is_media(entry.path, IMAGE_SUFFIXES) for entry in list_entries(uri)) or bool(_pixel_tables(uri))


def _pixel_tables(folder: str) -> list[str]:
    """The tables of pixels that lie directly in a folder."""
    return [entry.uri for entry in list_entries(folder) if "/" not in entry.path and is_pixel_table(entry.uri)]


def _beside(listing: Listing, table: str, uri: str) -> list[Problem]:
    """What lies beside a table of pixels and is left out."""
    pictures = [entry for entry in listing.entries if is_media(entry.path, IMAGE_SUFFIXES)]
    others = tuple(entry for entry in listing.entries if entry.uri != table and entry not in pictures)
    problems = left_out(replace(listing, entries=others), (), frozenset(), uri)
    if pictures:
        message = f"left out beside the table of pixels: {counted(len(pictures), 'picture files')}"
        problems.append(Problem("left_out", uri, message, "warning"))
    return problems


def face_of(clip: Clip, held: Held | None = None) -> FaceImage:
    """The face image of a row that names a picture file."""
    return FaceImage(clip.id, clip.uri, clip.label, clip.split, clip.subject, clip.where, held=held)


def is_pixel_table(uri: str) -> bool:
    """Whether a uri names a table, packed or not, whose header has ``emotion`` and ``pixels``."""
    if not is_table_name(uri):
        return False
    start = read_bytes(uri, first=_HEADER_BYTES)
    packing = packing_of(start)
    if packing == ".gz":
        try:
            start = zlib.decompressobj(wbits=31).decompress(start, _HEADER_BYTES)
        except zlib.error:
            return False
    elif packing:  # the start of the file is not enough to unpack the start of the table
        try:
            with open_local(uri) as path, open_table(path, uri) as table:
                return has_pixels(table.names)
        except DataError:
            return False
    return has_pixels(header_of(start))


def pixel_faces(table: Table, uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The face images of a table of pixels, and what is wrong with its rows."""
    rows, problems = pixel_rows(table, uri)
    return [
        FaceImage(row.id, row.where, row.label, row.split, row.subject, row.where, row.pixels) for row in rows
    ], problems


def _from_archive(path: Path, uri: str) -> tuple[list[FaceImage], list[Problem]]:
    """The pictures of an archive in one pass, or the rows of the pixel table that it holds."""
    kept = Kept()
    pictures: dict[str, Held] = {}
    entries: dict[str, Entry] = {}
    links: list[PassedOver] = []
    twice: dict[str, None] = {}
    problems: list[Problem] = []
    tables: dict[str, tuple[list[FaceImage], list[Problem]]] = {}
    with opened(path, uri) as found:
        for member in found:
            name, content = member.name, member.content
            if content is None:
                links.append(PassedOver(name, "link_in_archive"))
                continue
            if is_table_name(name) and not is_of_a_system(name) and has_pixels(header_of(content.peek(_HEADER_BYTES))):
                tables[name] = pixel_faces(Table(text_of(content), f"{uri}#{name}"), f"{uri}#{name}")
                continue
            if is_media(name, IMAGE_SUFFIXES):
                if member.size > MAX_PICTURE_BYTES:
                    message = f"has {member.size >> 20:,} MiB; a picture may have {MAX_PICTURE_BYTES >> 20}"
                    problems.append(Problem("too_large", f"{uri}#{name}", f"{message}; it is left out", "warning"))
                    continue
                if kept.size + member.size > MAX_ARCHIVE_BYTES:
                    limit = MAX_ARCHIVE_BYTES >> 30
                    raise DataError(
                        f"holds more than {limit} GiB of pictures; unpack it and give the folder",
                        code="too_large",
                        where=uri,
                    )
                if name in pictures:
                    twice[name] = None
                pictures[name] = kept.add(content.read(member.size))
            entries[name] = Entry(name, f"{uri}#{name}", member.size)
    if len(tables) > 1:
        raise DataError(
            f"holds several tables of pixels ({', '.join(tables)}); unpack it and name one", code="ambiguous", where=uri
        )
    if tables:
        ((name, (faces, wrong)),) = tables.items()
        listing = Listing(tuple(entries.values()), tuple(links))
        return faces, wrong + problems + _beside(listing, f"{uri}#{name}", uri)
    if twice:
        message = f"several entries have one name, and the last one of each is taken: {some(twice)}"
        problems.append(Problem("duplicate_entry", uri, message, "warning"))
    ordered = sorted(entries.values(), key=lambda entry: entry.path.split("/"))
    clips, wrong = clips_of_tree(Listing(tuple(ordered), tuple(links)), uri, IMAGE_SUFFIXES)
    return [face_of(clip, pictures[clip.id]) for clip in clips], wrong + problems
