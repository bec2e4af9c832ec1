"""What fused answers are worth, and which method is the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affekt.fusion.vectors import as_probabilities
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
    return {
        name: {key: accuracy_of(test if key == "accuracy" else train, part[:, number]) for key, part in parts.items()}
        for number, name in enumerate(test.models)
    }


def best_method(report: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float] | None) -> tuple[str, str]:
    """The method with the highest accuracy, and by which rows it was chosen."""
    if len(report) == 1:
        return next(iter(report)), "the only method"
    for key, reason in (
        ("train_accuracy", "cross-validation on the train rows"),
        ("accuracy", "the test rows themselves, which flatters it: there are no train rows to choose by"),
    ):
        if all(found.get(key) is not None for found in report.values()):
            return max(report, key=lambda method: report[method][key]), reason
    return ("weighted_average" if weights else "average"), "no labels to choose by"
