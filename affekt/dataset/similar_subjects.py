"""Subjects whose names a table program changed: one person would count as two people, or several as one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from affekt.dataset.clips import Clip
from affekt.dataset.problems import Problem, some

#: What a number gains in a table program: zeros before it, and a fraction of none.
_ZEROS, _FRACTION = re.compile(r"(?<![\d.])0+(?=\d)"), re.compile(r"(?<=\d)\.0+$")
#: How a table program shows a long number, of which digits are lost when it is saved so.
_ROUNDED = re.compile(r"\d([.,]\d+)?E\+?\d+", re.IGNORECASE)

#: Between names of people in one clip.
_TOGETHER = re.compile(r"\s*(?:[&+/;,]|\band\b|\bund\b)\s*")
#: A name, and behind it which recording of the person this is.
_SESSION = re.compile(
    r"(?P<of>.*\w)[\s_.-]+(?:session|sess|ses|day|visit|trial|take|recording|rec|run|part)[\s_.-]*\d+", re.IGNORECASE
)


def similar_subjects(clips: Iterable[Clip], uri: str) -> list[Problem]:
    """A warning for all subjects who are perhaps one (``Anna B`` and ``anna_b``, ``7``, ``07`` and ``7.0``).

    Another one for those who are perhaps several (``2.02E+11``).

    Args:
        clips: of a data set.
        uri: of it.
    """
    return similar_names((clip.subject for clip in clips), uri)


def similar_names(subjects: Iterable[str], uri: str) -> list[Problem]:
    """As :func:`similar_subjects`, of the subjects' names, ``""`` where not known."""
    names = list(dict.fromkeys(name for name in subjects if name))
    return _rounded(names, uri) + _alike(names, uri) + _of_one(names, uri)


def _rounded(names: Sequence[str], uri: str) -> list[Problem]:
    rounded = [name for name in names if _ROUNDED.fullmatch(name)]
    if not rounded:
        return []
    message = (
        f"subjects written as rounded numbers: {some(rounded, shown=5)}; several people may have become one when a "
        "table program saved them so: write them out, as text"
    )
    return [Problem("rounded_subjects", uri, message, "warning")]


def _alike(names: Sequence[str], uri: str) -> list[Problem]:
    spellings: dict[str, list[str]] = {}
    for name in names:
        spellings.setdefault(_folded(name), []).append(name)
    alike = [same for same in spellings.values() if len(same) > 1]
    if not alike:
        return []
    found = some((" and ".join(map(repr, same)) for same in alike), shown=5)
    message = (
        "subjects whose names differ only in how they are written count as different people, perhaps on both sides of "
        f"a split: {found}; write each in one way if they are one"
    )
    return [Problem("similar_subjects", uri, message, "warning")]


def _of_one(names: Sequence[str], uri: str) -> list[Problem]:
    """Names of which one holds the other: several people together, or one in several sessions."""
    alone, known = {_folded(name): name for name in names}, set(names)
    people: dict[str, list[str]] = {}
    for name in names:
        parts = _TOGETHER.split(name)
        with_others = next((alone[part] for part in map(_folded, parts) if part in alone), "") if len(parts) > 1 else ""
        session = _SESSION.fullmatch(name)
        if of := with_others or (session["of"] if session else ""):
            people.setdefault(of, [of] if of in known else []).append(name)
    same = [found for found in people.values() if len(found) > 1]
    if not same:
        return []
    shown = some((" and ".join(map(repr, found[:3])) for found in same), shown=5)
    message = (
        f"subjects that are called like one person in several sessions, or like several people together: {shown}; "
        "whoever is in both needs one name in both, or stands on both sides of a split"
    )
    return [Problem("subjects_of_one", uri, message, "warning")]


def _folded(name: str) -> str:
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    words = " ".join(re.split(r"[\s_\-]+", seen.casefold().strip()))
    return _ZEROS.sub("", _FRACTION.sub("", words))
