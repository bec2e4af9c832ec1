"""Optional models: fused only if train subjects that no model had seen speak for it, by more than a standard error."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.extensions import model_names
from affekt.fusion.cross_validation import unseen_answers
from affekt.report.document import Ablation
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.statistics.metrics import predictions
from affekt.statistics.paired import compare_paired
from affekt.statistics.standard_error import plainest, standard_error_over_subjects

logger = logging.getLogger(__name__)


def ablate(train: ScoreTable, settings: Settings, how: Mapping[str, Any]) -> tuple[tuple[str, ...], list[Ablation]]:
    """The models of a table that are worth fusing, and the ablations of the optional ones (``settings.fusion``).

    The rows must be out-of-fold scores (of clips that the models did not learn from). Each row is fused by a fusion of
    the chosen method that was fitted on other subjects' rows, once with the model and once without. It is kept if the
    gain on the same clips is more than one standard error over subjects: the ensemble without it is the plainer one.
    A clip that a fusion has no answer to counts as wrong, as in every figure. Where nothing can be compared, or nothing
    else is there to be fused, it is kept: nothing speaks against it.

    Args:
        train: the rows that fusions are fitted on.
        settings: of the run.
        how: what :meth:`affekt.fusion.Fusion.fit` takes besides the method.
    """
    kept = tuple(train.models)
    ablations = []
    for model in settings.fusion.optional:
        if model not in kept or len(kept) < 2:
            continue
        found = _ablation(model, train.only(kept), settings, how)
        logger.info("%s: %s", model, found.reason)
        ablations.append(found)
        if not found.kept:
            kept = found.beside
    return kept, ablations


def _ablation(model: str, train: ScoreTable, settings: Settings, how: Mapping[str, Any]) -> Ablation:
    method = settings.fusion.method
    beside = tuple(name for name in train.models if name != model)
    together = tuple(name for name in model_names() if name in train.models)
    known = train.rows(np.flatnonzero(train.truth >= 0))
    with_it = unseen_answers(known, method, settings.fusion.folds, settings.seed, how)
    without = unseen_answers(known.only(beside), method, settings.fusion.folds, settings.seed, how)
    if with_it is None or without is None:
        return Ablation(
            model, True, beside, method, 0, 0, None, None, None,
            "kept: the train clips show too few subjects to compare the fusion with it and without it", together,
        )  # fmt: skip
    # Where the model alone has an answer, of a clip without a face, say, the fusion without it has none: it is wrong.
    answered = ~(np.isnan(with_it).any(axis=1) & np.isnan(without).any(axis=1))
    known, with_it, without = known.rows(answered), with_it[answered], without[answered]
    truth = known.truth
    right = np.stack([predictions(scores) == truth for scores in (without, with_it)])
    error = standard_error_over_subjects(right[1].astype(float) - right[0], known.subjects)
    kept = plainest(right, known.subjects) == 1
    evidence = compare_paired(
        truth, without, with_it, known.subjects,
        bootstrap=settings.evaluation.bootstrap, confidence=settings.evaluation.confidence, seed=settings.seed,
    )  # fmt: skip
    shares = [float(each.mean()) for each in right]
    return Ablation(
        model, kept, beside, method, len(known), len(set(filter(None, known.subjects))), shares[0], shares[1], evidence,
        f"{'kept' if kept else 'left out'}: {method.replace('_', ' ')} is right on {shares[1]:.1%} of "
        f"{counted(len(known), 'train clips')} of unseen subjects with it and on {shares[0]:.1%} without it; the "
        f"standard error of the difference over subjects is {error:.1%}",
        together,
    )  # fmt: skip
