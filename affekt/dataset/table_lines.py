"""The lines of a table within limits: packed, a few megabytes may hold a line of many gigabytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from functools import partial

from affekt.errors import DataError

#: Signs of a line, and of a row that goes on over several: pictures of 1,000 x 1,000 pixels have 4 million.
MOST_SIGNS = 16 << 20
csv.field_size_limit(MOST_SIGNS)


class Lines:
    """Lines, with how many were read, and those that the row which is read now consists of.

    Args:
        lines: of a text; of a file never more than :data:`MOST_SIGNS` of a line are in memory.
        where: the table, for messages.

    Attributes:
        count: how many were read.
        taken: those of the row that is read now.
        signs: how many signs these have.
    """

    def __init__(self, lines: Iterable[str], where: str) -> None:
        of_file = partial(lines.readline, MOST_SIGNS + 1) if isinstance(lines, io.TextIOBase) else None
        self._lines: Iterator[str] = iter(of_file, "") if of_file else iter(lines)
        self._where = where
        self._again: list[str] = []
        self.signs = 0
        self.taken: list[str] = []
        self.count = 0

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        """The next line.

        Raises:
            DataError: ``too_large``: it, or the row that it is of, is too long.
        """
        if self._again:  # it was counted when it was read
            line = self._again.pop()
        else:
            line = next(self._lines)
            self.count += 1
        self.signs += len(line)
        if self.signs > MOST_SIGNS:
            raise DataError(
                f"a row of more than {MOST_SIGNS >> 20} million signs; is it a table, and each quote closed?",
                code="too_large",
                where=f"{self._where}:{self.count}",
            )
        self.taken.append(line)
        return line

    def next_row(self) -> None:
        """Forget the lines of the row that was read."""
        self.taken.clear()
        self.signs = 0

    def after(self, line: str) -> Lines:
        """The same lines with one that was read already before them."""
        if line:
            self._again.append(line)
        return self
