"""Words for another label than a file has, inside of the names of its folders or its own: told, since one is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import splitext

from affekt.counted import counted
from affekt.dataset.labels import LABELS, known_label
from affekt.dataset.problems import Problem, some

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_CODE = 3  # letters of a code such as ANG, and of names such as Joy, which stand in paths for other things


def other_words(files: Iterable[tuple[str, str]], uri: str) -> list[Problem]:
    """A warning for each label of which files have a word in their paths, though they have another one.

    Args:
        files: path and label of each.
        uri: of the data set.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for path, label in files:
        if label:
            for other in dict.fromkeys(_labels_in(path)):
                if other != label:
                    found.setdefault((label, other), []).append(path)
    problems = []
    for (label, other), paths in found.items():
        count = f"{counted(len(paths), 'files')} {'has' if len(paths) == 1 else 'have'}"
        message = f"{count} the label {label!r} and a word for {other!r} in the path; is it right? {some(paths, 3)}"
        problems.append(Problem("label_in_name", uri, message, "warning"))
    return problems


def _labels_in(path: str) -> Iterable[str]:
    *folders, name = path.split("/")
    for part in (*folders, splitext(name)[0]):
        for word in _WORD.findall(_CAMEL.sub(" ", part)):
            if (word.lower() in LABELS or len(word) > _CODE) and (label := known_label(word)):
                yield label
