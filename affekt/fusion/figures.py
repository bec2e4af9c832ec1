"""What fused answers are worth, and which method is the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.extensions import fusion_specs
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

    Args:
        table: the fused rows.
        vectors: float64 ``[N, L]`` of each method.
        answering: the method whose vectors are the answer.
    """
    probabilities = as_probabilities(table.scores)
    known = table.truth >= 0
    if not known.any() or not vectors or len(table.models) < 2:
        return []
    present = answered(probabilities) & known[:, np.newaxis]
    shares = [accuracy_of(table, probabilities[:, number]) or 0.0 for number in range(len(table.models))]
    model = int(np.argmax(shares))
    rows = present[:, model]
    if not rows.any():
        return []
    fused = {name: float((each[rows].argmax(axis=1) == table.truth[rows]).mean()) for name, each in vectors.items()}
    if fused[answering] >= shares[model]:
        return []
    method = max(fused, key=lambda name: fused[name])
    behind = f"the answer ({answering}: {fused[answering]:.1%})"
    if fused[method] < shares[model]:
        behind = f"every fusion (the best of them there, {method}: {fused[method]:.1%})"
    return [
        f"{table.models[model]} alone is right on {shares[model]:.1%} of {counted(int(rows.sum()), 'rows')} of the "
        f"fused split that it answered, more often than {behind}"
    ]


def best_method(report: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float] | None) -> tuple[str, str]:
    """The method with the highest accuracy, and by which rows it was chosen."""
    if len(report) == 1:
        return next(iter(report)), "the only method"
    if all(found.get("train_accuracy") is not None for found in report.values()):
        return max(report, key=lambda method: report[method]["train_accuracy"]), "cross-validation on the train rows"
    if all(found.get("accuracy") is not None for found in report.values()):
        selecting = [name for name, spec in fusion_specs().items() if spec.selects and name in report]
        if selecting:
            return selecting[0], "it selects by evidence within the other folds: there are no train rows to choose by"
        reason = "the test rows themselves, which flatters it: there are no train rows to choose by"
        return max(report, key=lambda method: report[method]["accuracy"]), reason
    plain = "weighted_average" if weights else "average"
    return (plain if plain in report else next(iter(report))), "no labels to choose by"
