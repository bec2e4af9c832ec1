"""A column that names splits, whatever it is called: overlooked, clips to evaluate on would be learned from."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

from affekt.dataset.split_names import canonical_split
from affekt.dataset.tables import Row, Table, is_missing, known_columns, open_table
from affekt.errors import DataError

_AMONG = "train"


class SplitColumn:
    """Looks at the rows of a table without a column of a known name for the split; most tables are done after one.

    Args:
        table: of which the rows are.
        others: places of columns that hold something else.
    """

    def __init__(self, table: Table, others: Container[int]) -> None:
        self._table = table
        self._splits: dict[int, set[str]] = {
            place: set() for place, name in enumerate(table.header) if name and place not in others
        }

    @property
    def possible(self) -> list[int]:
        """Places of the columns in which nothing but splits was found so far."""
        return list(self._splits)

    def look(self, row: Row) -> None:
        """Look at a row."""
        for place in self.possible:
            cell = row.cells[place]
            if not is_missing(cell):
                # Of several to test on (Test1, Test2) whoever reads the rows says that they are not known.
                split = canonical_split(cell)
                if split is None:
                    del self._splits[place]
                else:
                    self._splits[place].add(split)

    def found(self) -> int | None:
        """The place of the column all of whose cells name splits, ``train`` and another at least; None without one.

        Raises:
            DataError: there are several.
        """
        found = [place for place, splits in self._splits.items() if _AMONG in splits and len(splits) > 1]
        if len(found) > 1:
            raise DataError(
                f"the columns {' and '.join(repr(self._table.header[place]) for place in found)} both name splits; "
                "call the one that counts 'split', and leave out the other",
                code="ambiguous",
                where=f"{self._table.where}:{self._table.line}",
            )
        return found[0] if found else None


def split_by_values(path: Path, where: str, others: Container[str] = ()) -> int | None:
    """Which column of a table without one of a known name for the split names the splits.

    The table is read as far as it takes to be certain, which is the first row of most.

    Args:
        path: of the table.
        where: its name, for messages.
        others: folded names of columns that hold something else.

    Raises:
        DataError: as :func:`affekt.dataset.tables.open_table`, or several columns do.
    """
    with open_table(path, where) as table:
        places, _ = known_columns(table)
        if "split" in places:
            return None
        named = (place for place, name in enumerate(table.names) if name in others)
        column = SplitColumn(table, {*places.values(), *named})
        for row in table.rows():
            if not column.possible:
                return None
            if isinstance(row, Row):
                column.look(row)
        return column.found()
