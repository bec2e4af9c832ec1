"""Columns of no known name in which some cells name splits, and which therefore are none: told, if that may matter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from affekt.dataset.problems import some
from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import Row, is_missing
from affekt.dataset.unread_columns import SPLIT_COLUMN

#: A column that holds more different things is none of splits.
_MOST = 8


class HalfSplits:
    """Looks at the rows of a table that has no column of splits.

    Args:
        header: the names of its columns.
        places: of those that are not read.
    """

    def __init__(self, header: Sequence[str], places: Iterable[int]) -> None:
        self._header = header
        self._held: dict[int, set[str]] = {place: set() for place in places}

    def look(self, row: Row) -> None:
        """Look at a row."""
        for place, held in [*self._held.items()]:
            if not is_missing(row.cells[place]):
                held.add(row.cells[place])
                if len(held) > _MOST:
                    del self._held[place]

    def found(self) -> list[str]:
        """A sentence for each column whose cells say of some rows that they are to learn from, and of the others
        nothing that is known, or of none: all would be learned from.
        """
        return [
            f"the column {self._header[place]!r} tells no split here, though it holds {some(sorted(held), 4)}; "
            f"{SPLIT_COLUMN}"
            for place, held in self._held.items()
            if _half({canonical_split(cell) for cell in held})
        ]


def _half(splits: set[str | None]) -> bool:
    return {"train", None} <= splits or ("test" in splits and splits <= {"val", "test"})
