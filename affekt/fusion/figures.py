"""What fused answers are worth, and which method is the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.extensions import fusion_specs
from affekt.fusion.methods.selected import UNNAMED
from affekt.fusion.vectors import answered, as_probabilities
from affekt.score_table import ScoreTable
from affekt.statistics.metrics import evaluate_scores


def evaluated(table: ScoreTable, fused: np.ndarray, intervals: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracy with its interval, recall and count of the labelled rows.

    A labelled row without an answer counts as wrong; accuracies are None where there is no labelled row, or no answer
    for any.
    """
    known = table.truth >= 0
    if not (known & ~np.isnan(fused).any(axis=1)).any():
        return {"accuracy": None, "accuracy_ci95": None, "clips": len(table)}
    found = evaluate_scores(
        table.truth[known],
        fused[known],
        table.labels,
        [table.subjects[i] for i in np.flatnonzero(known)],
        **intervals,
    )
    return {
        "accuracy": found.accuracy,
        "accuracy_ci95": list(found.accuracy_ci95),
        "clips": found.clips,
        "unweighted_average_recall": found.unweighted_average_recall,
    }


def accuracy_of(table: ScoreTable, fused: np.ndarray) -> float | None:
    """The share of right answers of the labelled rows that have an answer; None where there is none."""
    known = (table.truth >= 0) & ~np.isnan(fused).any(axis=1)
    return float((fused[known].argmax(axis=1) == table.truth[known]).mean()) if known.any() else None


def rightly(table: ScoreTable, fused: np.ndarray) -> np.ndarray:
    """Float64 ``[N]``: 1 where an answer is right, 0 where not, NaN without a label or an answer."""
    known = (table.truth >= 0) & ~np.isnan(fused).any(axis=1)
    return np.where(known, fused.argmax(axis=1) == table.truth, np.nan)


def member_accuracies(train: ScoreTable, test: ScoreTable) -> dict[str, dict[str, Any]]:
    """The accuracy of each model on the test rows and on the train rows; None where it has no labelled answer."""
    parts = {"accuracy": as_probabilities(test.scores), "train_accuracy": as_probabilities(train.scores)}
    known = test.truth >= 0
    hits = (parts["accuracy"].argmax(axis=2) == test.truth[:, np.newaxis]) & answered(parts["accuracy"])
    return {
        name: {key: accuracy_of(test if key == "accuracy" else train, part[:, number]) for key, part in parts.items()}
        | {"accuracy_on_all": float(hits[known, number].mean()) if known.any() else None}
        for number, name in enumerate(test.models)
    }


def below_the_best_model(table: ScoreTable, vectors: Mapping[str, np.ndarray], answering: str) -> list[str]:
    """A sentence where one model alone is right more often than the answer, on the rows that it answered.

    Of several such models the one that is right most often. A model that is asked about few rows may be right on more
    of its own than any other and be no better there than the answer: it does not hide the others.

    Args:
        table: the fused rows.
        vectors: float64 ``[N, L]`` of each method.
        answering: the method whose vectors are the answer.
    """
    probabilities = as_probabilities(table.scores)
    known = table.truth >= 0
    if not vectors:
        return []
    present = answered(probabilities) & known[:, np.newaxis]
    ahead: tuple[float, int, dict[str, float]] | None = None
    for model, rows in enumerate(present.T):
        if not rows.any():  # no labelled row that it answered
            continue
        share, *shares = (
            float((each[rows].argmax(axis=1) == table.truth[rows]).mean())
            for each in (probabilities[:, model], *vectors.values())
        )
        fused = dict(zip(vectors, shares, strict=True))
        if share > max(fused[answering], ahead[0] if ahead else 0.0):
            ahead = share, model, fused
    if ahead is None:
        return []
    share, model, fused = ahead
    method = max(fused, key=lambda name: fused[name])
    behind = f"the answer ({answering}: {fused[answering]:.1%})"
    if fused[method] < share:
        behind = f"every fusion (the best of them there, {method}: {fused[method]:.1%})"
    told = counted(int(present[:, model].sum()), "rows")
    return [
        f"{table.models[model]} alone is right on {share:.1%} of {told} of the fused split that it answered, more "
        f"often than {behind}"
    ]


def best_method(
    report: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, float] | None,
    right: Mapping[str, np.ndarray] | None = None,
    subjects: Sequence[str] = (),
) -> tuple[str, str]:
    """The method with the highest accuracy, and by which rows it was chosen.

    A method that selects by evidence stays the best where the one with the highest accuracy is ahead of it by no more
    than a standard error over subjects (two where some row names none): of many methods the luckiest is ahead of it.

    Args:
        report: the figures of each method.
        weights: of weighted rules, by model.
        right: float64 ``[N]`` of each method, which train rows it was right on (1) in cross-validation; NaN where it
            had no answer.
        subjects: N names.
    """
    if len(report) == 1:
        return next(iter(report)), "the only method"
    selecting = next((name for name, spec in fusion_specs().items() if spec.selects and name in report), None)
    if all(found.get("train_accuracy") is not None for found in report.values()):
        best = max(report, key=lambda method: report[method]["train_accuracy"])
        if right and selecting and best != selecting and not _ahead(right[best], right[selecting], subjects):
            return selecting, f"it selects by evidence; {best} is not ahead by more than chance on the train rows"
        return best, "cross-validation on the train rows"
    if all(found.get("accuracy") is not None for found in report.values()):
        if selecting:
            return selecting, "it selects by evidence within the other folds: there are no train rows to choose by"
        reason = "the test rows themselves, which flatters it: there are no train rows to choose by"
        return max(report, key=lambda method: report[method]["accuracy"]), reason
    plain = "weighted_average" if weights else "average"
    return (plain if plain in report else next(iter(report))), "no labels to choose by"


def _ahead(best: np.ndarray, plainer: np.ndarray, subjects: Sequence[str]) -> bool:
    """Whether an answer is right more often than a plainer one by more than the error over subjects."""
    from affekt.statistics.standard_error import plainest  # SciPy, which a start need not wait for

    known = np.flatnonzero(~np.isnan(best) & ~np.isnan(plainer))
    names = [subjects[row] for row in known.tolist()]
    errors = 1.0 if all(names) else UNNAMED
    return bool(len(known)) and plainest(np.stack([plainer[known], best[known]]), names, errors) == 1
