"""The seven emotion names and the spellings by which data sets know them."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable

from affekt.errors import DataError

#: The seven AFEW classes (paper.md, section 4.1), in the order in which every table and vector of affekt holds them.
LABELS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_SYNONYMS: dict[str, str] = {
    "ang": "angry", "anger": "angry", "an": "angry", "mad": "angry",
    "dis": "disgust", "disgusted": "disgust", "di": "disgust",
    "fea": "fear", "fearful": "fear", "afraid": "fear", "scared": "fear", "fe": "fear",
    "hap": "happy", "happiness": "happy", "joy": "happy", "ha": "happy", "happily": "happy",
    "joyful": "happy",
    "sadness": "sad", "sa": "sad",
    "sur": "surprise", "surprised": "surprise", "su": "surprise", "ps": "surprise", "pleasant_surprise": "surprise",
    "neu": "neutral", "ne": "neutral", "calm": "neutral",
}  # fmt: skip
#: How near a misspelt word is; words of other languages (Angst, which is fear) are further away.
_NEAR = 0.7
#: A label that stands for another word, also as a table program writes it.
_NUMBER = re.compile(r"\d+([.,]0+)?")
#: How words begin that say the opposite of the rest (unhappy).
_NOT = ("un", "non", "not", "no_")


def canonical_label(name: str) -> str:
    """The canonical name of a label written in any known spelling (``ANG``, ``Anger``, ``angry`` are ``angry``).

    Raises:
        DataError: the spelling is not known.
    """
    if label := known_label(name):
        return label
    words = [*LABELS, *(word for word in _SYNONYMS if len(word) > 3)]
    near = difflib.get_close_matches(_folded(name), words, n=1, cutoff=_NEAR)
    opposite = near and _folded(name).startswith(_NOT) and not near[0].startswith(_NOT)
    guess = f"; did you mean {_SYNONYMS.get(near[0], near[0])}?" if near and not opposite else ""
    if _NUMBER.fullmatch(name.strip()):
        guess = ", a number, and data sets count labels in different orders; write words"
    raise DataError(
        f"unknown label {name!r}{guess}; the labels are {', '.join(LABELS)} (and common spellings such as ANG or "
        "Anger)",
        code="unknown_label",
    )


def known_label(name: str) -> str | None:
    """The canonical name of a label written in any known spelling, or None."""
    folded = _folded(name)
    return folded if folded in LABELS else _SYNONYMS.get(folded)


def _folded(name: str) -> str:
    return "_".join(unicodedata.normalize("NFKC", name).casefold().replace("-", " ").replace("_", " ").split())


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels given, in the canonical order."""
    present = set(labels)
    return tuple(label for label in LABELS if label in present)
