"""What stands beside a model's score table: its answers when it knows all of a subject's clips, and its distances."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from affekt.score_table import ScoreTable

SCORES, PERSON_SCORES, DISTANCES = "scores.csv", "scores_person.csv", "distances.csv"


def write_scores(folder: Path, table: ScoreTable) -> None:
    """Write ``scores.csv``; ``scores_person.csv`` and ``distances.csv`` (clip, distance) where the table has these."""
    table.write(folder / SCORES)
    if table.person is not None:
        replace(table, scores=table.person, person=None, distance=None).write(folder / PERSON_SCORES)
    if table.distance is not None:
        with (folder / DISTANCES).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["clip", "distance"])
            writer.writerows(zip(table.clips, map(repr, table.distance[:, 0].tolist()), strict=True))


def read_scores(folder: Path) -> ScoreTable:
    """What :func:`write_scores` wrote.

    Raises:
        DataError: as :meth:`affekt.score_table.ScoreTable.read`.
    """
    table = ScoreTable.read(folder / SCORES)
    if (folder / DISTANCES).is_file():
        with (folder / DISTANCES).open(newline="", encoding="utf-8") as file:
            known = {row["clip"]: float(row["distance"]) for row in csv.DictReader(file)}
        table = replace(table, distance=np.array([[known[clip]] for clip in table.clips], dtype=float))
    if not (folder / PERSON_SCORES).is_file():
        return table
    person = ScoreTable.read(folder / PERSON_SCORES)
    position = {clip: row for row, clip in enumerate(person.clips)}
    return replace(table, person=np.asarray(person.scores[[position[clip] for clip in table.clips]]))
