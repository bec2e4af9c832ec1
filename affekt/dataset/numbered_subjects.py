"""Subjects who are numbers, and whom a table program wrote as fractions once one was missing: ``7.0`` is ``7``."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NUMBER = re.compile(r"(\d+)(?:[.,]0)?")

WRITTEN_SO = "the subjects are numbers that a table program wrote as fractions (7.0); they are read as whole ones (7)"


def whole_subjects(subjects: Sequence[str]) -> list[str] | None:
    """The subjects of a table, ``""`` where not known, without such fractions; None where there are none.

    Under one name people stay on their side of a split, and are known to a model that learned from them. Where any
    subject is no number, or has a fraction (``7.1``), all names mean what they say.
    """
    found = [_NUMBER.fullmatch(name) if name else None for name in subjects]
    if any(name and not number for name, number in zip(subjects, found, strict=True)):
        return None
    whole = [number[1] if number else "" for number in found]
    return whole if whole != list(subjects) else None
