"""Files that are probably made from one another, by their names: as clips of their own they may be on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from posixpath import basename, splitext

from affekt.counted import counted
from affekt.dataset.problems import Problem, some

_CHANGES = """
    aug augm augmented augmentation noise noisy denoised flip flipped hflip vflip mirror mirrored rot rotated pitch
    pitched pitchshift speed stretch stretched shift shifted timestretch reverb filtered resampled trimmed cropped
    copy copie kopie copia"""
#: By how much is read in one way alone: a name of many changes would be tried in all ways together otherwise.
_BY = r"(?:[\s_.-]*(?:\(-?\d+(?:\.\d+)?\)|\d+(?:\.\d+)?))?"
_CHANGE = rf"[\s_.-]+(?:{'|'.join(_CHANGES.split())}){_BY}"
#: A name, and behind it that this is the other one with noise, mirrored, faster or copied, or a mark of Roboflow's.
_MADE = re.compile(rf"(?P<of>.*?\w)(?:(?:{_CHANGE})+|\.rf\.[0-9a-f]{{8,}})", re.IGNORECASE)
#: The number of a frame behind the name of a film, which tells films apart by a number of its own.
_FRAME = re.compile(r"(?P<of>.*\d.*?[\W_](?:frame|frm|img|f)?[\W_]?)(?P<frame>\d+)", re.IGNORECASE)
#: Films from which on names are no accident.
_FILMS = 3
_NUMBERED = re.compile(r"(?P<of>.*\S)\s*\(\d+\)")


def same_names(paths: Iterable[str], uri: str) -> list[Problem]:
    """A warning where files differ in their endings alone: one was probably made from the other.

    Args:
        paths: of the files.
        uri: of the data set.
    """
    by_stem: dict[str, list[str]] = {}
    for path in paths:
        by_stem.setdefault(splitext(path)[0], []).append(path)
    alike = [path for same in by_stem.values() if len(same) > 1 for path in same]
    if not alike:
        return []
    message = (
        f"{counted(len(alike), 'files')} have the name of another one but for the ending: if one was made from the "
        f"other, remove it; each counts as a clip of its own, perhaps on another side: {some(alike, shown=4)}"
    )
    return [Problem("same_name", uri, message, "warning")]


def made_of_others(paths: Sequence[str], uri: str) -> list[Problem]:
    """A warning where files are called like versions of others beside them (``01_noise.wav``, ``01 (1).wav``).

    Args:
        paths: of the files.
        uri: of the data set.
    """
    stems = {splitext(path)[0] for path in paths}
    versions: dict[str, list[str]] = {}
    for path in paths:
        stem = splitext(path)[0]
        found = _MADE.fullmatch(stem)
        if found or ((found := _NUMBERED.fullmatch(stem)) and found["of"] in stems):
            versions.setdefault(found["of"], []).append(path)
    made = [path for of, same in versions.items() if of in stems or len(same) > 1 for path in same]
    if not made:
        return []
    message = (
        f"{counted(len(made), 'files')} are called like versions of others: {some(made, shown=4)}; each counts as a "
        "clip of its own, and where they were made from one recording it is perhaps on both sides: keep one of each, "
        "or list them in a manifest.csv with a subject that they share"
    )
    return [Problem("made_of_others", uri, message, "warning")]


def frames_of_recordings(pictures: Iterable[tuple[str, str]], uri: str) -> list[Problem]:
    """A warning where pictures are called like frames of some films, and films are divided between splits.

    Args:
        pictures: paths of those of which no subject is told, and their splits; blank where it is still to be assigned.
        uri: of the data set.
    """
    frames: dict[str, list[str]] = {}
    splits: dict[str, set[str]] = {}
    for path, split in pictures:
        found = _FRAME.fullmatch(splitext(basename(path))[0])
        if found:
            frames.setdefault(found["of"], []).append(path)
            splits.setdefault(found["of"], set()).add(split)
    divided = [of for of, same in frames.items() if len(same) > 1 and (len(splits[of]) > 1 or "" in splits[of])]
    if len(divided) < _FILMS or 2 * len(divided) < len(frames):
        return []
    number = sum(len(frames[of]) for of in divided)
    message = (
        f"{counted(number, 'pictures')} are called like frames of {counted(len(divided), 'films')} "
        f"({some((frames[of][0] for of in divided), shown=3)}), and frames of one film stand on both sides of a split, "
        "so that figures say nothing of other people: name splits, each film in one, or a subject in a manifest.csv"
    )
    return [Problem("frames_of_recordings", uri, message, "warning")]
