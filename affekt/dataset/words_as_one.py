"""Different words of a data set for one label: two of its classes may have become one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from affekt.counted import counted
from affekt.dataset.problems import Problem

#: Letters by which words are forms of one (``ANG``, ``angry``, ``anger``); shorter ones are codes for any.
_STEM = 3


def words_as_one(said: Mapping[tuple[str, str], int], uri: str) -> list[Problem]:
    """A warning for each label that a data set names by words of which none is a form of the other (``calm``).

    Args:
        said: how labels are written and which they are, and how many clips have each.
        uri: of the data set.
    """
    words: dict[str, Counter[str]] = {}
    for (word, label), number in said.items():
        words.setdefault(label, Counter())[_plain(word)] += number
    problems = []
    for label, counts in words.items():
        if len({word[:_STEM] for word in counts if len(word) >= _STEM}) < 2:
            continue
        found = ", ".join(f"{word!r} ({counted(number, 'clips')})" for word, number in counts.most_common())
        message = f"several words are read as the one label {label!r}: {found}; leave out those that mean another"
        problems.append(Problem("words_as_one", uri, message, "warning"))
    return problems


def _plain(word: str) -> str:
    return " ".join(re.split(r"[\W_]+", word.casefold())).strip()
