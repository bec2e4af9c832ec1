"""Subjects whose names differ only in how they are written: one person would count as two people."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from affekt.dataset.clips import Clip
from affekt.dataset.problems import Problem, some

#: What a number gains in a table program: zeros before it, and a fraction of none.
_ZEROS, _FRACTION = re.compile(r"(?<![\d.])0+(?=\d)"), re.compile(r"(?<=\d)\.0+$")


def similar_subjects(clips: Iterable[Clip], uri: str) -> list[Problem]:
    """A warning for all subjects who are perhaps one (``Anna B`` and ``anna_b``, ``7``, ``07`` and ``7.0``).

    Args:
        clips: of a data set.
        uri: of it.
    """
    spellings: dict[str, dict[str, None]] = {}
    for name in dict.fromkeys(clip.subject for clip in clips if clip.subject):
        spellings.setdefault(_folded(name), {})[name] = None
    alike = [names for names in spellings.values() if len(names) > 1]
    if not alike:
        return []
    found = some((" and ".join(map(repr, names)) for names in alike), shown=5)
    message = (
        "subjects whose names differ only in how they are written count as different people, perhaps on both sides of "
        f"a split: {found}; write each in one way if they are one"
    )
    return [Problem("similar_subjects", uri, message, "warning")]


def _folded(name: str) -> str:
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    words = " ".join(re.split(r"[\s_\-]+", seen.casefold().strip()))
    return _ZEROS.sub("", _FRACTION.sub("", words))
