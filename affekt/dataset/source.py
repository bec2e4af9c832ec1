"""Turn a data set as it lies on disk or in S3 into a table of clips, and say what is wrong with its rows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from affekt.argument_names import argument, takes
from affekt.counted import counted
from affekt.dataset.clips import Clip, ClipTable, table_of
from affekt.dataset.file_names import CLIP_SUFFIXES, STILL_SUFFIXES, suffix_of
from affekt.dataset.manifest import manifest_of, read_manifest
from affekt.dataset.not_tables import what_the_file_is
from affekt.dataset.problems import Problem, first_of_each_code, raise_errors
from affekt.dataset.several import names_of, of_dataset, places_of
from affekt.dataset.tables import is_table_name
from affekt.dataset.tree import clips_of_tree
from affekt.errors import DataError
from affekt.extensions import only_images
from affekt.storage import is_remote, list_folder

logger = logging.getLogger(__name__)

#: Code of the problem that a clip needs a label and has none.
NO_LABEL = "no_label"


@dataclass(frozen=True)
class Source:
    """The clips of a data set, and what is wrong with its rows.

    With errors among the problems the table is fit for a report only: clips may have no label or no file.
    """

    table: ClipTable
    problems: tuple[Problem, ...] = ()

    def labelled(self) -> Source:
        """Without the clips that need a label and have none."""
        where = {problem.where for problem in self.problems if problem.code == NO_LABEL}
        if not where:
            return self
        logger.warning("left out, since they have no label: %s", counted(len(where), "clips"))
        clips = tuple(clip for clip in self.table if clip.where not in where)
        return Source(ClipTable(clips), tuple(problem for problem in self.problems if problem.code != NO_LABEL))


def read_source(uri: str) -> Source:
    """Read a data set of clips: a folder or a CSV file, local or ``s3://``; or several (:mod:`.several`).

    A ``manifest.csv`` in the folder decides alone; without one the folders and file names tell label, subject and
    split. Of a recording that is there in several forms (RAVDESS with picture only, CREMA-D as wav and flv), the
    most complete is taken.

    Raises:
        DataError: there is nothing at ``uri``, or in no layout that affekt understands.
    """
    places = places_of(uri)
    if len(places) > 1:
        parts = [_one_of_several(place) for place in places]
        named = zip(parts, names_of(places), strict=True)
        clips = [clip for part, name in named for clip in of_dataset(part.table, name)]
        return Source(table_of(clips), tuple(problem for part in parts for problem in part.problems))
    clips, problems = read_clips(uri, CLIP_SUFFIXES)
    images = [clip for clip in clips if suffix_of(clip.uri) in STILL_SUFFIXES]
    if images and len(images) == len(clips):
        raise DataError(
            f"lists still images and no clips; give them with {argument('faces', command='train')}, or train on them "
            f"alone with {only_images()}",
            code="no_clips",
            where=uri,
        )
    message = f"is a still image, not a clip; face images are given with {argument('faces', command='train')}"
    problems += [Problem("still_image", clip.where, message) for clip in images]
    return Source(table_of(clips), tuple(problems))


def _one_of_several(place: str) -> Source:
    try:
        source = read_source(place)
    except DataError as error:
        if error.code != "no_clips":
            raise
        remedy = f"leave it out, or give face images with {argument('faces')}" if takes("faces") else "leave it out"
        raise _without_clips(place, remedy) from error
    if not len(source.table) and not source.problems:  # a table of a header alone
        raise _without_clips(place, "leave it out")
    return source


def _without_clips(place: str, remedy: str) -> DataError:
    return DataError(
        f"holds no clips, and data sets that are taken together are of clips; {remedy}", code="no_clips", where=place
    )


def load_clips(uri: str, *, leave_out_unlabelled: bool = False) -> ClipTable:
    """The clips of a data set without errors; warnings are logged.

    Args:
        uri: folder, CSV file or ``s3://`` address.
        leave_out_unlabelled: whether clips that need a label and have none are left out, and told, instead of refused.

    Raises:
        DataError: the data set cannot be read or has errors, which are listed together, with file and line.
    """
    source = read_source(uri)
    if leave_out_unlabelled:
        source = source.labelled()
    raise_errors(source.problems, uri)
    if not len(source.table):
        raise DataError("lists no clips", code="empty", where=uri)
    for line in first_of_each_code(source.problems, uri):
        logger.warning("%s", line)
    return source.table


def read_clips(uri: str, suffixes: frozenset[str]) -> tuple[list[Clip], list[Problem]]:
    """The rows of a manifest, or the files below a folder that end in one of the suffixes."""
    if is_table(uri):
        return read_manifest(uri)
    if not is_remote(uri) and Path(uri).is_file():
        what = what_the_file_is(Path(uri))
        raise DataError(
            f"is neither a folder nor a CSV file{what and f', but {what}'}; give the folder of the clips or a table "
            "that lists them, and unpack an archive of another kind than .zip and .tar",
            code="unknown_layout",
            where=uri,
        )
    if manifest := manifest_of(uri):
        return read_manifest(manifest)
    # Absolute paths, since the table may be read by a process in another folder.
    return clips_of_tree(list_folder(uri if is_remote(uri) else Path(uri).absolute()), uri, suffixes)


def is_table(uri: str) -> bool:
    """Whether a uri names a table rather than a folder."""
    return is_table_name(uri)
