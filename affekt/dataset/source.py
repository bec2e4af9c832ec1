"""Turn a data set as it lies on disk or in S3 into a table of clips, and say what is wrong with its rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from affekt.dataset.clips import Clip, ClipTable, table_of
from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES, PathFacts, is_media, read_path
from affekt.dataset.labels import LABELS
from affekt.dataset.manifest import NAME, read_manifest
from affekt.dataset.problems import Problem, raise_errors, some
from affekt.errors import DataError
from affekt.storage import Entry, exists, is_remote, join, list_entries

logger = logging.getLogger(__name__)

LAYOUTS = """understood layouts:
  a manifest.csv in the folder, or a CSV file: path,label and where known subject,split, then any further columns
  AFEW: Train_AFEW/Angry/012345678.avi, Val_AFEW/…
  one folder per label, with or without train/, val/, test/ above: train/happy/anything.mp4
  RAVDESS file names: 03-01-06-01-02-01-12.mp4
  CREMA-D file names: 1001_IEO_NEU_XX.flv"""


@dataclass(frozen=True)
class Source:
    """The clips of a data set, and what is wrong with its rows.

    With errors among the problems the table is fit for a report only: clips may have no label or no file.
    """

    table: ClipTable
    problems: tuple[Problem, ...] = ()


def read_source(uri: str) -> Source:
    """Read a data set of clips: a folder or a CSV file, local or ``s3://``.

    A ``manifest.csv`` in the folder decides alone; without one the folders and file names tell label, subject and
    split. Of a recording that is there in several forms (RAVDESS with picture only, CREMA-D as wav and flv), the
    most complete is taken.

    Raises:
        DataError: there is nothing at ``uri``, or in no layout that affekt understands.
    """
    clips, problems = read_clips(uri, CLIP_SUFFIXES)
    images = [clip for clip in clips if PurePosixPath(clip.uri).suffix.lower() in IMAGE_SUFFIXES]
    if images and len(images) == len(clips):
        raise DataError(
            "lists still images and no clips; give them with --faces, or train on them alone with --only vgg",
            code="no_clips",
            where=uri,
        )
    message = "is a still image, not a clip; face images are given with --faces"
    problems += [Problem("still_image", clip.where, message) for clip in images]
    return Source(table_of(clips), tuple(problems))


def load_clips(uri: str) -> ClipTable:
    """The clips of a data set without errors; warnings are logged.

    Raises:
        DataError: the data set cannot be read or has errors, which are listed together, with file and line.
    """
    source = read_source(uri)
    raise_errors(source.problems, uri)
    if not len(source.table):
        raise DataError("lists no clips", code="empty", where=uri)
    for problem in source.problems:
        logger.warning("%s", problem)
    return source.table


def read_clips(uri: str, suffixes: frozenset[str]) -> tuple[list[Clip], list[Problem]]:
    """The rows of a manifest, or the files below a folder that end in one of the suffixes."""
    if is_table(uri):
        return read_manifest(uri)
    if not is_remote(uri) and Path(uri).is_file():
        raise DataError("is neither a folder nor a CSV file", code="unknown_layout", where=uri)
    manifest = join(uri, NAME)
    if exists(manifest):
        return read_manifest(manifest)
    # Absolute paths, since the table may be read by a process in another folder.
    return clips_of_tree(list_entries(uri if is_remote(uri) else Path(uri).absolute()), uri, suffixes)


def is_table(uri: str) -> bool:
    """Whether a uri names a CSV file rather than a folder."""
    return PurePosixPath(uri).suffix.lower() == ".csv"


def clips_of_tree(entries: Sequence[Entry], uri: str, suffixes: frozenset[str]) -> tuple[list[Clip], list[Problem]]:
    """The labelled files among the entries of a folder (or an archive), told by folders and names.

    Raises:
        DataError: no file is of the kind, or none of them has a label.
    """
    files = [entry for entry in entries if is_media(entry.path, suffixes)]
    if not files:
        raise _nothing_of_the_kind(entries, uri, suffixes)
    facts = [read_path(entry.path) for entry in files]
    if not any(fact.label for fact in facts):
        names = some((entry.path for entry in files), shown=5)
        raise DataError(
            f"no label is to be found in its folders and file names; found {names}\n{LAYOUTS}\n"
            f"the labels are {', '.join(LABELS)} and common spellings of them; write a manifest.csv for anything else",
            code="unknown_layout",
            where=uri,
        )
    chosen, problems = _most_complete(files, facts, uri)
    strangers: dict[str, list[str]] = {}
    clips = []
    for entry, fact in chosen:
        clip = Clip(entry.path, entry.uri, fact.label, fact.subject, fact.split, entry.uri)
        clips.append(replace(clip, attributes=dict(fact.name.attributes)) if fact.name else clip)
        if fact.name and fact.label != fact.name.label:
            message = f"its name says {fact.name.label}, its folder {fact.label}; move it or list it in a manifest.csv"
            problems.append(Problem("label_conflict", entry.uri, message))
        elif fact.stranger:
            strangers.setdefault(str(PurePosixPath(entry.path).parent), []).append(entry.path)
        elif not fact.label and fact.split != "test":
            message = "neither its folder nor its name tells a label; put it below the folder of its label"
            problems.append(Problem("no_label", entry.uri, message))
    for folder, paths in strangers.items():
        message = (
            f"this folder holds {len(paths)} files, but {PurePosixPath(folder).name!r} is no label; the labels are "
            f"{', '.join(LABELS)} (and common spellings such as ANG or Anger)"
        )
        problems.append(Problem("unknown_label", _inside(uri, folder), message))
    return clips, problems


def _most_complete(
    files: Sequence[Entry], facts: Sequence[PathFacts], uri: str
) -> tuple[list[tuple[Entry, PathFacts]], list[Problem]]:
    """One file per recording and split: that with the lowest rank."""
    best: dict[tuple[str, str], int] = {}
    for fact in facts:
        if fact.name:
            key = (fact.name.recording, fact.split)
            best[key] = min(best.get(key, fact.name.rank), fact.name.rank)
    chosen, left_out = [], []
    for entry, fact in zip(files, facts, strict=True):
        if fact.name and fact.name.rank > best[fact.name.recording, fact.split]:
            left_out.append(entry.path)
        else:
            chosen.append((entry, fact))
    if not left_out:
        return chosen, []
    message = f"{len(left_out)} files are other forms of recordings that are there more completely; left out: "
    return chosen, [Problem("partial_copies", uri, message + some(left_out, shown=3), "warning")]


def _nothing_of_the_kind(entries: Sequence[Entry], uri: str, suffixes: frozenset[str]) -> DataError:
    names = some((entry.path for entry in entries), shown=5) or "an empty folder"
    images = sum(is_media(entry.path, IMAGE_SUFFIXES) for entry in entries)
    if images and not suffixes & IMAGE_SUFFIXES:
        message = (
            f"holds {images} still images and no clips; give them with --faces, or train on them alone with "
            f"--only vgg; found {names}"
        )
        return DataError(message, code="no_clips", where=uri)
    kinds = " ".join(sorted(suffixes))
    return DataError(f"holds no file that ends in {kinds}; found {names}\n{LAYOUTS}", code="no_clips", where=uri)


def _inside(uri: str, path: str) -> str:
    """The place of a path below a folder, or in an archive."""
    return f"{uri}#{path}" if is_archive(uri) else join(uri, path)


def is_archive(uri: str) -> bool:
    """Whether a uri names a tar archive, packed or not."""
    return uri.lower().endswith((".tar", ".tar.gz", ".tgz"))
