"""Folders that tell neither a label nor a split: they may be splits, or people who are on both sides of one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from affekt.counted import counted
from affekt.dataset.labels import known_label
from affekt.dataset.problems import Problem, some
from affekt.dataset.split_names import canonical_split, splits_within

_SET_ASIDE = """
    trash junk discard discarded reject rejected rejects exclude excluded unused unusable invalid broken corrupted
    deleted removed remove skip skipped ignore ignored backup bak tmp temp unsure uncertain ambiguous doubtful outlier
    outliers duplicates dups papierkorb ausschuss unbrauchbar corbeille papelera cestino lixo"""
#: Words in the names of folders into which people put what shall not count, and before a label that it has not.
_ASIDE, _NO = frozenset(_SET_ASIDE.split()), ("not", "no", "non")
_MEND = "call them train, val and test where they are splits"


def unread_folders(paths: Iterable[str], uri: str) -> list[Problem]:
    """What is to be told of the folders of files of which a label is told, and neither a split nor a subject.

    An error where their names hold words for splits, of which some are to learn from and others are not; a warning
    where several stand side by side.

    Args:
        paths: of the files.
        uri: of the data set.
    """
    levels: dict[int, dict[str, None]] = {}
    for path in paths:
        for level, folder in enumerate(path.split("/")[:-1]):
            if not known_label(folder) and not canonical_split(folder):
                levels.setdefault(level, {})[folder] = None
    problems = []
    for folders in levels.values():
        words = {folder: split for folder in folders if (split := splits_within(folder))}
        kinds = set(words.values())
        if "train" in kinds and len(kinds) > 1:
            message = (
                f"the names of folders hold words for splits, and none is one that is known: {some(words, shown=6)}; "
                f"all would be learned from and evaluated on alike; {_MEND}, or list the files in a manifest.csv"
            )
            problems.append(Problem("unknown_split", uri, message))
        elif len(folders) > 1:
            message = (
                f"folders that tell neither a label nor a split are not read: {some(folders, shown=4)}; {_MEND}, "
                "or list the files in a manifest.csv with a subject where they are people"
            )
            problems.append(Problem("folders_not_read", uri, message, "warning"))
    return problems


def folders_in_splits(paths: Iterable[tuple[str, str]], uri: str) -> list[Problem]:
    """A warning where several folders that are not read hold files of more than one split: they may be people.

    Args:
        paths: of files of which no subject is told, and the split of each.
        uri: of the data set.
    """
    splits: dict[str, set[str]] = {}
    for path, split in paths:
        for folder in path.split("/")[:-1]:
            if not known_label(folder) and not canonical_split(folder):
                splits.setdefault(folder, set()).add(split)
    # One of them alone is the name of the data set, or of a kind of files (AlignedFaces).
    shared = [folder for folder, found in splits.items() if len(found) > 1]
    if len(shared) < 2:
        return []
    message = (
        f"folders that are not read hold files of several splits: {some(shared, shown=4)}; where they are people, each "
        "is on both sides: list the files in a manifest.csv with a subject, and a person in one split"
    )
    return [Problem("folders_in_splits", uri, message, "warning")]


def folders_aside(paths: Iterable[str], uri: str) -> list[Problem]:
    """A warning where folders are called as if what they hold should not count, or as if it had not the label.

    Args:
        paths: of the files that count.
        uri: of the data set.
    """
    aside: dict[str, int] = Counter()
    for path in paths:
        for folder in path.split("/")[:-1]:
            words = re.findall(r"[^\W\d_]+", folder.casefold())
            if _ASIDE.intersection(words) or (words[:1] and words[0] in _NO and known_label("_".join(words[1:]))):
                aside[folder] += 1
                break
    if not aside:
        return []
    shown = some((f"{folder} ({counted(number, 'files')})" for folder, number in aside.items()), shown=4)
    message = f"folders are called as if what is in them should not count, and it counts: {shown}; move it away if so"
    return [Problem("folders_aside", uri, message, "warning")]
