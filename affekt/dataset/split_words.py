"""Words for splits at the start or end of file names, which no layout reads: told, since clips are divided anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import basename, splitext

from affekt.dataset.problems import Problem, some
from affekt.dataset.split_names import canonical_split

_WORD = re.compile(r"[^\W\d_]+")


def splits_in_names(paths: Iterable[str], uri: str) -> list[Problem]:
    """A warning where the names of files without a split say that some are to learn from and others are not.

    Args:
        paths: of the files.
        uri: of the data set.
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        stem = splitext(basename(path))[0]
        ends = [*filter(None, [_WORD.match(stem)]), *list(_WORD.finditer(stem))[-1:]]
        if split := next(filter(None, (canonical_split(word[0]) for word in ends)), None):
            found.setdefault(split, []).append(path)
    if "train" not in found or len(found) < 2:
        return []
    shown = some((path for same in found.values() for path in same[:2]), shown=4)
    message = (
        f"the names of files begin or end with words for splits ({', '.join(found)}), which are not read: {shown}; "
        "put the files into folders of these names to keep them apart"
    )
    return [Problem("split_in_name", uri, message, "warning")]
