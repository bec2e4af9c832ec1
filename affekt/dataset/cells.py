"""Texts as cells of tables that people open in an office program."""

from __future__ import annotations

#: What makes a cell a formula there, also behind blanks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(text: str) -> str:
    """A text as a cell of a table for people: what would be a formula begins with an apostrophe."""
    return f"'{text}" if text.lstrip(" \u00a0\u3000").startswith(_FORMULA) else text
