"""What an ensemble says of clips it did not prepare itself: evaluation by command, and the champion in the gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from affekt.dataset import ClipTable
from affekt.ensemble.ensemble import Ensemble
from affekt.media import PreparedIndex
from affekt.score_table import ScoreTable
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips


def prepare_and_score(
    ensemble: Ensemble, table: ClipTable, store: str | Path
) -> tuple[PreparedIndex, ScoreTable, np.ndarray]:
    """Prepare clips as the ensemble wants them (its own crops, not another run's) and score them.

    Args:
        ensemble: the ensemble that answers.
        table: the clips.
        store: root of the prepared store; what it already holds is not prepared again.

    Returns:
        The index of the prepared clips; the members' score table ``[N, M, L]`` and the fused probabilities ``[N, L]``,
        both in the order of the index; NaN where there is no answer.
    """
    opened = Store(store, ensemble.settings.media)
    index = prepare_clips(table, opened)
    scores, fused = ensemble.score_index(index, opened)
    return index, scores, fused


def relabel(probabilities: np.ndarray, own: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray:
    """Probabilities ``[N, len(own)]`` over other labels: a label that the ensemble does not know gets zero."""
    columns = [probabilities[:, own.index(label)] if label in own else np.zeros(len(probabilities)) for label in wanted]
    moved = np.stack(columns, axis=1)
    moved[np.isnan(probabilities).any(axis=1)] = np.nan
    return moved
