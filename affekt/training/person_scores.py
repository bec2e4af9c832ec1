"""The second score table of a model that adapts to a person: its answers when it knows all of a subject's clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from affekt.score_table import ScoreTable

SCORES, PERSON_SCORES = "scores.csv", "scores_person.csv"


def write_scores(folder: Path, table: ScoreTable) -> None:
    """Write ``scores.csv``, and ``scores_person.csv`` where the table has such answers."""
    table.write(folder / SCORES)
    if table.person is not None:
        replace(table, scores=table.person, person=None).write(folder / PERSON_SCORES)


def read_scores(folder: Path) -> ScoreTable:
    """What :func:`write_scores` wrote.

    Raises:
        DataError: as :meth:`affekt.score_table.ScoreTable.read`.
    """
    table = ScoreTable.read(folder / SCORES)
    if not (folder / PERSON_SCORES).is_file():
        return table
    person = ScoreTable.read(folder / PERSON_SCORES)
    position = {clip: row for row, clip in enumerate(person.clips)}
    return replace(table, person=np.asarray(person.scores[[position[clip] for clip in table.clips]]))
