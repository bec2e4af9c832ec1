"""Texts as cells of tables that people open in an office program."""

from __future__ import annotations

import re

from affekt.errors import printable

#: What makes a cell a formula there, also behind blanks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: Signs that steer a terminal or turn what is read around, and bytes of a name that is not UTF-8.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\udc80-\udcff]")


def cell(text: str) -> str:
    """A text as a cell of a table for people: what would be a formula begins with an apostrophe, and signs that steer a
    terminal are spelt out, since tables are looked at there.
    """
    text = _STEERING.sub(lambda sign: printable(sign[0]), text)
    return f"'{text}" if text.lstrip(" \u00a0\u3000").startswith(_FORMULA) else text
