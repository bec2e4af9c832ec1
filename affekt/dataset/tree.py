"""The labelled files of a folder or an archive without a manifest, by what the layouts say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from affekt.argument_names import argument
from affekt.counted import counted
from affekt.dataset.archives import is_archive
from affekt.dataset.clips import Clip
from affekt.dataset.file_names import CLIP_SUFFIXES, IMAGE_SUFFIXES, STILL_SUFFIXES, is_media, suffix_of
from affekt.dataset.label_words import other_words
from affekt.dataset.labels import LABELS, known_label
from affekt.dataset.layouts import Told, told_of, understood
from affekt.dataset.left_out import is_text, left_out
from affekt.dataset.problems import Problem, some
from affekt.dataset.same_names import frames_of_recordings, made_of_others, same_names
from affekt.dataset.split_names import canonical_split
from affekt.dataset.split_words import splits_in_names
from affekt.dataset.tables import is_table_name
from affekt.dataset.unread_folders import folders_aside, folders_in_splits, unread_folders
from affekt.dataset.words_as_one import words_as_one
from affekt.errors import DataError
from affekt.extensions import only_images
from affekt.storage import Entry, Listing, join, read_bytes

#: The best known endings of files; docs/data.md has all that are taken.
_FILMS, _PICTURES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".wav", ".mp3"), (".jpg", ".png", ".webp")
#: Findings on media files that are there and cannot be used.
_LOST = frozenset(("broken_link", "link_loop", "bad_name", "hidden_files"))


def clips_of_tree(listing: Listing, uri: str, suffixes: frozenset[str]) -> tuple[list[Clip], list[Problem]]:
    """The labelled files of a folder (or an archive), told by the installed layouts, and what is wrong or left out.

    Raises:
        DataError: no file is of the kind, or none of them has a label.
    """
    entries = listing.entries
    files = [entry for entry in entries if is_media(entry.path, suffixes) and is_text(entry.uri)]
    stills = suffixes != IMAGE_SUFFIXES and any(is_media(entry.path, STILL_SUFFIXES) for entry in entries)
    if all(stills and suffix_of(entry.path) == ".gif" for entry in files):  # pictures among pictures, or nothing
        raise _nothing_of_the_kind(listing, uri, suffixes)
    facts = told_of(Listed(entries, uri), [entry.path for entry in files])
    if not any(fact.label or fact.fault for fact in facts):
        names = some((entry.path for entry in files), shown=5)
        raise DataError(
            f"no label is to be found in its folders and file names; found {names}\n{understood()}\n"
            f"the labels are {', '.join(LABELS)} and common spellings of them; write a manifest.csv for anything else"
            f"{_tables_there(entries)}",
            code="unknown_layout",
            where=uri,
        )
    chosen, problems = _most_complete(files, facts, uri)
    problems += left_out(listing, files, suffixes, uri)
    clips = [
        Clip(entry.path, entry.uri, fact.label, fact.subject, fact.split, entry.uri, dict(fact.attributes))
        for entry, fact in chosen
    ]
    problems += other_words(((entry.path, fact.label) for entry, fact in chosen if not fact.fault), uri)
    problems += words_as_one(Counter((fact.word, fact.label) for _, fact in chosen if fact.label), uri)
    problems += folders_aside((entry.path for entry, fact in chosen if fact.label), uri)
    problems += splits_in_names((entry.path for entry, fact in chosen if not fact.split), uri)
    if any(fact.split for _, fact in chosen):
        places = ((entry.path, fact.split) for entry, fact in chosen if fact.split and not fact.subject)
        problems += folders_in_splits(places, uri)
    else:
        problems += unread_folders((entry.path for entry, fact in chosen if fact.label and not fact.subject), uri)
    problems += same_names((entry.path for entry, fact in chosen if not fact.recording), uri)
    problems += made_of_others([entry.path for entry, _ in chosen], uri)
    if suffixes == IMAGE_SUFFIXES:
        unnamed = ((entry.path, fact.split) for entry, fact in chosen if fact.label and not fact.subject)
        problems += frames_of_recordings(unnamed, uri)
    return clips, problems + _unlabelled(chosen, uri) + _without_split(chosen, uri)


def _tables_there(entries: Iterable[Entry]) -> str:
    """That one of the tables in a folder may be what tells the labels, if there are any."""
    tables = [entry.path for entry in entries if is_table_name(entry.path)]
    if not tables:
        return ""
    return f"\nhere lies {some(tables, shown=3)}: where a table lists the files and their labels, give it instead"


def _unlabelled(chosen: Sequence[tuple[Entry, Told]], uri: str) -> list[Problem]:
    """Files whose label is not known or not certain; where a folder is to blame, once for all that are in it."""
    problems = []
    strangers: dict[str, int] = Counter()
    faults: dict[tuple[str, tuple[str, str]], list[Entry]] = {}
    inside = _inside_labels(entry.path for entry, fact in chosen if fact.label)
    for entry, fact in chosen:
        folder = str(PurePosixPath(entry.path).parent)
        if fact.fault:
            faults.setdefault((folder, fact.fault), []).append(entry)
        elif fact.stranger:
            place = PurePosixPath(folder)
            while place.name in inside and place.parent.name:
                place = place.parent
            strangers[str(place)] += 1
        elif not fact.label and fact.split != "test":
            message = "neither its folder nor its name tells a label; put it below the folder of its label"
            problems.append(Problem("no_label", entry.uri, message))
    for (folder, (code, message)), entries in faults.items():
        if len(entries) == 1:
            problems.append(Problem(code, entries[0].uri, message))
        else:
            problems.append(
                Problem(code, _inside(uri, folder), f"of {counted(len(entries), 'files')} in this folder: {message}")
            )
    for folder, count in strangers.items():
        message = (
            f"this folder holds {counted(count, 'files')}, but {PurePosixPath(folder).name!r} is no label; "
            f"the labels are {', '.join(LABELS)} (and common spellings such as ANG or Anger)"
        )
        problems.append(Problem("unknown_label", _inside(uri, folder), message))
    return problems


def _inside_labels(paths: Iterable[str]) -> set[str]:
    """The names of folders that divide files of one label (``level_1``), which therefore are none themselves."""
    names: set[str] = set()
    for path in paths:
        folders = path.split("/")[:-1]
        first = next((place for place, folder in enumerate(folders) if known_label(folder)), len(folders))
        names.update(folder for folder in folders[first:] if not known_label(folder))
    return names


def _without_split(chosen: Sequence[tuple[Entry, Told]], uri: str) -> list[Problem]:
    """An error for every folder without a split where others have one: it would be learned from unasked."""
    splits = {fact.split for _, fact in chosen if fact.split}
    without = [entry for entry, fact in chosen if not fact.split and not (fact.fault and "split" in fact.fault[0])]
    if not splits or not without:
        return []
    known = sorted({place for entry, fact in chosen if fact.split for place in _split_folders(entry.path)})
    # The folder that stands where other files have that of their split.
    depths = {len(place.split("/")) for place in known}
    folders: dict[str, int] = Counter()
    for entry in without:
        parents = entry.path.split("/")[:-1]
        depth = next((depth for depth in sorted(depths) if len(parents) >= depth), 0)
        folders["/".join(parents[:depth])] += 1
    problems = []
    for folder, count in folders.items():
        found = f"{count} {'file has' if count == 1 else 'files have'} no split, while others are below {some(known)}"
        name = PurePosixPath(folder).name
        mend = "call it train, val or test, move it away"
        if not name:
            why = "they are in no folder of a split"
        elif known_label(name):
            why, mend = f"{name!r} is a label", "move it into the folder of a split"
        else:
            why = f"{name!r} is no split that is known"
        message = f"{found}: {why}; {mend}, or list the files in a manifest.csv"
        problems.append(Problem("unknown_split", _inside(uri, folder) if folder else uri, message))
    return problems


def _split_folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number, part in enumerate(parts) if canonical_split(part)][:1]


@dataclass(frozen=True)
class Listed:
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
    chosen, lesser = [], []
    for entry, fact in zip(files, facts, strict=True):
        if fact.recording and fact.rank > best[fact.recording, fact.split]:
            lesser.append(entry.path)
        else:
            chosen.append((entry, fact))
    if not lesser:
        return chosen, []
    message = f"left out, since the same recordings are there more completely, {counted(len(lesser), 'files')}: "
    return chosen, [Problem("partial_copies", uri, message + some(lesser, shown=3), "warning")]


def _nothing_of_the_kind(listing: Listing, uri: str, suffixes: frozenset[str]) -> DataError:
    entries = listing.entries
    names = some((entry.path for entry in entries), shown=5) or ("nothing" if is_archive(uri) else "an empty folder")
    told = "".join(f"\n{problem.message}" for problem in left_out(listing, (), suffixes, uri) if problem.code in _LOST)
    images = sum(is_media(entry.path, IMAGE_SUFFIXES) for entry in entries)
    if images and suffixes != IMAGE_SUFFIXES:
        message = (
            f"holds {counted(images, 'still images')} and no clips; give them with "
            f"{argument('faces', command='train')}, or train on them alone with {only_images()}; found {names}{told}"
        )
        return DataError(message, code="no_clips", where=uri)
    clips = sum(is_media(entry.path, CLIP_SUFFIXES) for entry in entries)
    if clips and is_archive(uri):
        message = f"holds {counted(clips, 'clips')} and no pictures; unpack it and give the folder; found {names}"
        return DataError(message, code="no_clips", where=uri)
    return DataError(f"holds no {_wanted(suffixes)}; found {names}{told}\n{understood()}", code="no_clips", where=uri)


def _wanted(suffixes: frozenset[str]) -> str:
    """What files of these suffixes are, with the best known; docs/data.md lists all."""
    kind, known = ("picture", _PICTURES) if suffixes == IMAGE_SUFFIXES else ("film or sound", _FILMS)
    more = len(suffixes) - len(known)
    return f"{kind} by its name ({', '.join(known)} and {more} other endings, which docs/data.md lists)"


def _inside(uri: str, path: str) -> str:
    """The place of a path below a folder, or in an archive."""
    return f"{uri}#{path}" if is_archive(uri) else join(uri, path)
