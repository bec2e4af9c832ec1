"""Tells score tables apart whose train rows a model gave to clips that it had learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.fusion.vectors import answered, as_probabilities
from affekt.score_table import ScoreTable

#: Train scores of a model look over-fitted when it is so much more often right on them than on the test split (a share,
#: and in standard errors of the difference).
GAP, ERRORS = 0.1, 3.0


def overfitted(train: ScoreTable, test: ScoreTable) -> list[str]:
    """The models that are right so much more often on the train rows that they must have been trained on them.

    A model with fewer than two labelled answers on either side is not tested.
    """
    return [
        name for number, name in enumerate(test.models) if _too_good(*(_hits(part, number) for part in (train, test)))
    ]


def standard_error(hits: Sequence[np.ndarray]) -> float:
    """The standard error of the difference of two shares if both sides had the same: two bool arrays of hits."""
    share = float(np.concatenate(list(hits)).mean())
    return float(np.sqrt(share * (1 - share) * sum(1 / len(part) for part in hits)))


def _too_good(train: np.ndarray, test: np.ndarray) -> bool:
    if min(len(train), len(test)) < 2:
        return False
    gap = float(train.mean() - test.mean())
    return gap > GAP and gap > ERRORS * standard_error((train, test))


def _hits(part: ScoreTable, model: int) -> np.ndarray:
    """Which of the labelled rows that a model answered it answered rightly."""
    known = (part.truth >= 0) & answered(as_probabilities(part.scores))[:, model]
    hits: np.ndarray = part.scores[known, model].argmax(axis=1) == part.truth[known]
    return hits
