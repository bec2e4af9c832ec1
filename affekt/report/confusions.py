"""The confusion matrices of one member, as pictures beside its score table."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affekt.report import figures
from affekt.score_table import ScoreTable


def write_confusions(folder: Path) -> list[Path]:
    """Draw ``confusion-<split>.png`` for each split of a member's ``scores.csv``.

    Train clips count with the scores of the model that did not see their subject, as the table holds them. Clips
    without an answer are a column of their own, clips without a label are left out.

    Args:
        folder: what a member's training wrote; without a score table, of a member that sat out, nothing is drawn.

    Returns:
        The pictures.
    """
    if not (folder / "scores.csv").is_file():
        return []
    table = ScoreTable.read(folder / "scores.csv")
    size = len(table.labels)
    paths = []
    for split in sorted(set(table.splits)):
        rows = table.split(split)
        known, answered = rows.truth >= 0, rows.available[:, 0]
        if not known.any():
            continue
        counts = np.zeros((size, size + 1), dtype=int)
        counted = known & answered
        np.add.at(counts, (rows.truth[counted], rows.scores[counted, 0].argmax(axis=1)), 1)
        np.add.at(counts[:, size], rows.truth[known & ~answered], 1)
        picture = figures.confusion_matrix(
            counts[:, :size].tolist(), table.labels, no_answer=counts[:, size].tolist(), form="png"
        )
        path = folder / f"confusion-{split or 'all'}.png"
        path.write_bytes(picture)
        paths.append(path)
    return paths
