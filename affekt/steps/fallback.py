"""A model that learned too much from few people gives way to what it was before, where unseen train subjects say so."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from affekt.counted import counted
from affekt.extensions import model_spec
from affekt.report.document import Fallback
from affekt.score_table import ScoreTable
from affekt.statistics.standard_error import plainest, standard_error_over_subjects

logger = logging.getLogger(__name__)


def fall_back(train: ScoreTable, models: Sequence[str]) -> tuple[tuple[str, ...], tuple[Fallback, ...]]:
    """The models of a table that are fused when each has given way that has a better stand-in, and the comparisons.

    A stand-in (:attr:`affekt.extensions.ModelSpec.stands_in`) takes the place of its model where it is right more often
    on the same clips by more than one standard error over subjects. The model stays a member of whom others read.

    Args:
        train: out-of-fold scores, of clips that the models did not learn from.
        models: of the table, those that would be fused.
    """
    found = []
    for name in models:
        model = model_spec(name).stands_in
        if model in models:
            compared = _compared(model, name, train)
            if compared is not None:
                logger.info("%s: %s", model, compared.reason)
                found.append(compared)
    gone = {each.model for each in found if each.fell}
    return tuple(name for name in models if name not in gone), tuple(found)


def _compared(model: str, stand_in: str, train: ScoreTable) -> Fallback | None:
    """The comparison of two models; None where no clip has an answer of both."""
    table = train.only([model, stand_in])
    table = table.rows(np.flatnonzero((table.truth >= 0) & ~np.isnan(table.scores).any(axis=(1, 2))))
    if not len(table):
        return None
    right = (table.scores.argmax(axis=2) == table.truth[:, np.newaxis]).T
    fell = plainest(right, table.subjects) == 1
    own, other = (float(each.mean()) for each in right)
    error = standard_error_over_subjects(right[1].astype(float) - right[0], table.subjects)
    outcome = f"gives way to {stand_in}" if fell else f"stays beside {stand_in}"
    return Fallback(
        model, stand_in, fell, len(table), len(set(filter(None, table.subjects))), own, other,
        f"{outcome}: on {counted(len(table), 'train clips')} of unseen subjects it is right on {own:.1%}, {stand_in} "
        f"on {other:.1%}; the standard error of the difference over subjects is {error:.1%}",
    )  # fmt: skip
