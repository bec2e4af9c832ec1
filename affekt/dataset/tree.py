"""The labelled files of a folder or an archive without a manifest, by what the layouts say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from affekt.dataset.clips import Clip
from affekt.dataset.file_names import IMAGE_SUFFIXES, is_media
from affekt.dataset.labels import LABELS
from affekt.dataset.layouts import Told, told_of, understood
from affekt.dataset.problems import Problem, some
from affekt.errors import DataError
from affekt.extensions import only_images
from affekt.storage import Entry, join, read_bytes


def is_archive(uri: str) -> bool:
    """Whether a uri names a tar archive, packed or not."""
    return uri.lower().endswith((".tar", ".tar.gz", ".tgz"))


def clips_of_tree(entries: Sequence[Entry], uri: str, suffixes: frozenset[str]) -> tuple[list[Clip], list[Problem]]:
    """The labelled files among the entries of a folder (or an archive), told by the installed layouts.

    Raises:
        DataError: no file is of the kind, or none of them has a label.
    """
    files = [entry for entry in entries if is_media(entry.path, suffixes)]
    if not files:
        raise _nothing_of_the_kind(entries, uri, suffixes)
    facts = told_of(_Listing(entries, uri), [entry.path for entry in files])
    if not any(fact.label for fact in facts):
        names = some((entry.path for entry in files), shown=5)
        raise DataError(
            f"no label is to be found in its folders and file names; found {names}\n{understood()}\n"
            f"the labels are {', '.join(LABELS)} and common spellings of them; write a manifest.csv for anything else",
            code="unknown_layout",
            where=uri,
        )
    chosen, problems = _most_complete(files, facts, uri)
    strangers: dict[str, list[str]] = {}
    clips = []
    for entry, fact in chosen:
        clips.append(
            Clip(entry.path, entry.uri, fact.label, fact.subject, fact.split, entry.uri, dict(fact.attributes))
        )
        if fact.fault:
            problems.append(Problem(fact.fault[0], entry.uri, fact.fault[1]))
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


@dataclass(frozen=True)
class _Listing:
    """The files of a data set as layouts see them."""

    entries: Sequence[Entry]
    uri: str

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(entry.path for entry in self.entries)

    def read(self, path: str) -> bytes:
        if is_archive(self.uri):
            raise DataError(f"{path} tells the labels; unpack the archive and give the folder", where=self.uri)
        return read_bytes(next(entry.uri for entry in self.entries if entry.path == path))


def _most_complete(
    files: Sequence[Entry], facts: Sequence[Told], uri: str
) -> tuple[list[tuple[Entry, Told]], list[Problem]]:
    """One file per recording and split: that with the lowest rank."""
    best: dict[tuple[str, str], int] = {}
    for fact in facts:
        if fact.recording:
            key = (fact.recording, fact.split)
            best[key] = min(best.get(key, fact.rank), fact.rank)
    chosen, left_out = [], []
    for entry, fact in zip(files, facts, strict=True):
        if fact.recording and fact.rank > best[fact.recording, fact.split]:
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
            f"{only_images()}; found {names}"
        )
        return DataError(message, code="no_clips", where=uri)
    kinds = " ".join(sorted(suffixes))
    return DataError(f"holds no file that ends in {kinds}; found {names}\n{understood()}", code="no_clips", where=uri)


def _inside(uri: str, path: str) -> str:
    """The place of a path below a folder, or in an archive."""
    return f"{uri}#{path}" if is_archive(uri) else join(uri, path)
