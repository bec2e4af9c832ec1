"""Subjects of whom the same file is there are one person, whatever they are called and in whichever data set."""

from __future__ import annotations

from collections.abc import Sequence


def people_of(subjects: Sequence[str], contents: Sequence[str]) -> list[str]:
    """A name for each clip: its subject, or one for all subjects of whom the same file is there.

    Args:
        subjects: N names, none of them empty.
        contents: of the N files; empty where not known.
    """
    same: dict[str, str] = {}

    def name_of(name: str) -> str:
        while name in same:
            name = same[name]
        return name

    first: dict[str, str] = {}
    for name, content in zip(subjects, contents, strict=True):
        one, other = name_of(first.setdefault(content, name) if content else name), name_of(name)
        if one != other:
            same[other] = one
    return [name_of(name) for name in subjects]
