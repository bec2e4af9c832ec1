"""Colours of the command line: on a terminal that takes them, and nowhere else."""

from __future__ import annotations

import os
from typing import TextIO

from affekt.progress import on_terminal

_CODES = {"red": "1;31", "green": "32", "yellow": "33"}


def coloured(stream: TextIO) -> bool:
    """Whether colours are wanted on a stream.

    ``NO_COLOR`` (no-color.org) forbids them, ``FORCE_COLOR`` asks for them in pipes as well; else a terminal that is
    not ``TERM=dumb`` has them. An empty variable says nothing.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or on_terminal(stream)


def painted(text: str, colour: str, stream: TextIO) -> str:
    """A text in a colour, or as it is where the stream has none."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if coloured(stream) else text
