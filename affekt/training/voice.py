"""Fit the models of the voice on statistics of it: random forest and support vector classifier (paper.md, 4.2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, choose_c, fit_forest, fit_svc
from affekt.models.voice import CONTOURS_FACT, voice_statistics
from affekt.score_table import ScoreTable
from affekt.training.classifier import Fit, Rows, train_classifier
from affekt.training.given import ClipStore, Given


def train_random_forest(given: Given) -> ScoreTable:
    """Fit the random forest; files and errors as for :func:`affekt.training.classifier.train_classifier`."""
    return _train(given, _forest)


def train_svc(given: Given) -> ScoreTable:
    """Fit the support vector classifier, its C and the temperature of its probabilities chosen within each fold.

    Files and errors as for :func:`affekt.training.classifier.train_classifier`.
    """
    return _train(given, _svc)


def _train(given: Given, fit: Fit) -> ScoreTable:
    contours: bool = given.group.contours

    def fit_described(rows: Rows, given: Given) -> tuple[ArrayClassifier, Mapping[str, Any]]:
        classifier, facts = fit(rows, given)
        return classifier, {**facts, CONTOURS_FACT: contours}

    # These statistics of all clips are apart from what else the store has of them.
    read = _read_contours if contours else _read
    return train_classifier(given, voice_statistics(contours), fit_described, read)


def _read(store: ClipStore, keys: Sequence[str]) -> list[np.ndarray | None]:
    """:func:`affekt.models.voice.functionals` of many clips."""
    values, voice = store.functionals(keys)
    return [np.asarray(row, dtype=float) if heard else None for row, heard in zip(values, voice, strict=True)]


def _read_contours(store: ClipStore, keys: Sequence[str]) -> list[np.ndarray | None]:
    """:func:`affekt.models.voice.functionals_and_contours` of many clips."""
    rows = zip(_read(store, keys), store.contours(keys), strict=True)
    return [
        values if values is None or np.isnan(courses).any() else np.concatenate([values, courses])
        for values, courses in rows
    ]


def _forest(rows: Rows, given: Given) -> tuple[ArrayClassifier, Mapping[str, Any]]:
    group = given.group
    forest = fit_forest(
        rows.x, rows.y, len(given.labels), trees=group.trees, min_samples_split=group.min_samples_split,
        seed=given.settings.seed,
    )  # fmt: skip
    return forest, {}


def _svc(rows: Rows, given: Given) -> tuple[ArrayClassifier, Mapping[str, Any]]:
    group, folds = given.group, given.settings.fusion.folds
    common: dict[str, Any] = {
        "kernel": group.kernel,
        "tolerance": group.tolerance,
        "standardise": group.standardise,
        "seed": given.settings.seed,
    }
    c: float = group.c
    accuracies: dict[float, float] = {}
    if group.c is None:
        c, accuracies = choose_c(rows.x, rows.y, rows.subjects, group.c_candidates, folds=folds, **common)
    if given.log is not None:
        for step, (candidate, accuracy) in enumerate(sorted(accuracies.items())):
            given.log({"candidate_c": candidate, "candidate_accuracy": accuracy}, step)
        given.log({"c": c}, 0)
    machine = fit_svc(rows.x, rows.y, len(given.labels), rows.subjects, c=c, folds=folds, **common)
    return machine, {"c": c, "c_accuracies": {f"{candidate:g}": value for candidate, value in accuracies.items()}}
