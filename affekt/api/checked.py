"""What is wrong with a data set, as a value that shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from affekt.api import notebook
from affekt.checks import CheckReport, check_source
from affekt.dataset.problems import grouped
from affekt.dataset.several import text_of
from affekt.errors import affekt_errors

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Checked(CheckReport):
    """What a data set holds and what is wrong with it; ``ok``, ``errors`` and ``warnings`` say whether and what."""

    def to_pandas(self) -> pandas.DataFrame:
        """A row a finding: ``severity``, ``code``, ``where``, ``message``."""
        import pandas  # heavy, and only this needs it

        columns = ["severity", "code", "where", "message"]
        return pandas.DataFrame(
            [[getattr(problem, name) for name in columns] for problem in self.problems], columns=columns
        )

    def __str__(self) -> str:
        return self.to_text("problems has all")

    def __repr__(self) -> str:
        return f"<affekt check: {self.headline}>"

    def _repr_html_(self) -> str:
        """Clips by label and split, then the findings by kind."""
        head, *rows = self.table() or [[]]
        shown = notebook.table(head, rows) if rows else ""
        return notebook.paragraph(self.headline) + shown + notebook.listed(grouped(self.problems))


def check(data: str | Path | Sequence[str | Path]) -> Checked:
    """Everything that is wrong with a data set of clips or of face images.

    What cannot be read at all is an error among the findings, in a report of no clips.

    Args:
        data: a folder or a CSV file, local or ``s3://``, as ``affekt check`` takes it; or several.

    Raises:
        AffektError: a data set is named twice.
    """
    with affekt_errors():
        report = check_source(text_of(data))
    return Checked(report.counts, report.problems)
