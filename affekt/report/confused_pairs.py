"""Which labels are most often taken for which others, with clips and what each model says of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from affekt.report.mistakes import ConfusedClip, ConfusedPair, Said
from affekt.score_table import ScoreTable
from affekt.statistics.metrics import check_scores, predictions

#: How many pairs of labels are told, and how many clips of each.
PAIRS, EXAMPLES = 6, 4


def confused_pairs(table: ScoreTable, answer: np.ndarray) -> tuple[ConfusedPair, ...]:
    """The pairs of labels that most clips are confused by, the most frequent first.

    Args:
        table: the score table of the clips; those without a label are left out.
        answer: the evaluated score vectors ``[N, L]``.
    """
    known = table.rows(np.flatnonzero(table.truth >= 0))
    truth, scores, subjects = check_scores(table.truth, answer, table.labels, table.subjects)
    predicted, labels = predictions(scores), table.labels
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    wrong = np.flatnonzero((predicted != truth) & (predicted < len(labels)))
    np.add.at(counts, (truth[wrong], predicted[wrong]), 1)
    order = sorted(zip(*np.nonzero(counts), strict=True), key=lambda pair: (-counts[pair], pair))
    found = []
    for true, answered in order[:PAIRS]:
        rows = [int(row) for row in wrong if truth[row] == true and predicted[row] == answered]
        rows.sort(key=lambda row: (-scores[row, answered], known.clips[row]))
        found.append(
            ConfusedPair(
                labels[true],
                labels[answered],
                len(rows),
                len(rows) / int((truth == true).sum()),
                tuple(
                    ConfusedClip(known.clips[row], subjects[row], float(scores[row, answered]), _said(known, row))
                    for row in rows[:EXAMPLES]
                ),
            )
        )
    return tuple(found)


def _said(table: ScoreTable, row: int) -> Mapping[str, Said | None]:
    """What each model says of the clip in a row; None of one that does not answer."""
    said: dict[str, Said | None] = {}
    for number, name in enumerate(table.models):
        vector = table.scores[row, number]
        best = None if np.isnan(vector).any() or not vector.sum() else int(vector.argmax())
        said[name] = None if best is None else Said(table.labels[best], float(vector[best] / vector.sum()))
    return said
