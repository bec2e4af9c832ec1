"""The traces of what an ensemble learned from, stored with it, so that drift has something to be told from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.drift import LABEL
from affekt.ensemble.records import REFERENCE, write_table
from affekt.ensemble.trace import answered, trace
from affekt.fusion.cross_validation import unseen_answers
from affekt.media import PreparedIndex
from affekt.media.functionals import feature_set
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.store import PreparedStore

#: More clips than that tell no more of a distribution, and would be carried about with every ensemble.
MOST = 2000


def write_reference(
    folder: Path,
    index: PreparedIndex,
    store: PreparedStore,
    train: ScoreTable,
    settings: Settings,
    how: Mapping[str, Any],
) -> None:
    """Write ``reference.parquet`` into an ensemble's folder: a row each of at most :data:`MOST` train clips.

    Their answers are those of fusions and models that did not see their subjects. Nothing is written without two
    subjects, since there are no such answers then.

    Args:
        folder: of the ensemble.
        index: of the prepared clips.
        store: where they are.
        train: the out-of-fold scores of the fused models.
        settings: of the run.
        how: what :meth:`affekt.fusion.Fusion.fit` takes besides the method.
    """
    known = train.rows(np.flatnonzero(train.truth >= 0))
    answers = unseen_answers(known, settings.fusion.method, settings.fusion.folds, settings.seed, how)
    if answers is None:
        return
    names = feature_set(settings.media.functionals).names
    keys = {row.clip: row.key for row in index}
    chosen = np.sort(np.random.default_rng(settings.seed).permutation(len(known))[:MOST])
    rows = []
    for number in chosen:
        if np.isnan(answers[number]).any() or known.clips[number] not in keys:
            continue
        probabilities = dict(zip(known.labels, answers[number], strict=True))
        facts = trace(store.get(keys[known.clips[number]]), names)
        rows.append({LABEL: known.labels[known.truth[number]], **facts, **answered(probabilities)})
    if rows:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REFERENCE).write_bytes(write_table(rows))
