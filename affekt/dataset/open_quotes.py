"""Quotes in a table that open a cell and do not close it: what follows, row after row, would be read as that cell."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence


def swallows(lines: Sequence[str], separator: str) -> bool:
    """Whether a cell of a row goes on, behind the quote that opens it, to something that cannot end it.

    Args:
        lines: of the file from which the row was read, as they stand there.
        separator: between cells.
    """
    text = "".join(lines)
    if len(lines) < 2 and text.count('"') % 2 == 0:
        return False  # the usual row, in which each quote has its other one
    closed = re.sub(rf'" +(?=[{re.escape(separator)}\r\n]|\Z)', '"', text)  # blanks behind a cell say nothing
    try:
        for _ in csv.reader(
            closed.splitlines(keepends=True), delimiter=separator, skipinitialspace=separator != "\t", strict=True
        ):
            pass
    except csv.Error:
        return True
    return False
