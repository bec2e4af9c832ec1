"""A fitted fusion: score vectors with gaps in, one probability vector per clip out; fit, predict, save, load."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import (
    ArrayClassifier,
    fit_adaboost,
    fit_forest,
    fit_svc,
    load_classifiers,
    save_classifiers,
)
from affekt.errors import DataError
from affekt.fusion.rules import RULES, weighted_average
from affekt.fusion.stacking import Stack, fit_stack
from affekt.fusion.vectors import answered, as_probabilities, groups, subsets_to_fit
from affekt.fusion.weights import find_weights, given_weights
from affekt.score_table import ScoreTable
from affekt.settings import FUSION_METHODS

logger = logging.getLogger(__name__)

METHODS: tuple[str, ...] = FUSION_METHODS
#: The methods that are classifiers fitted on labelled rows.
TRAINED: tuple[str, ...] = ("random_forest", "adaboost", "svm", "stacking")
#: Below so many rows for each label a classifier is not fitted, and below half of it no weights are searched.
ROWS_PER_LABEL = 6
FORMAT = 1
_DESCRIPTION, _CLASSIFIERS = "fusion.json", "fusion.safetensors"


@dataclass(frozen=True)
class Fusion:
    """One fusion method over M models and L labels. Build with :meth:`fit` or :meth:`load`.

    Attributes:
        method: one of :data:`METHODS`.
        models: the M models, in the order in which :meth:`predict` expects them.
        labels: the L labels.
        weights: float64 ``[M]`` of the weighted average; it also answers where a set of models has no classifier.
        classifiers: the classifier of each set of models (numbers into ``models``); empty for a method without.
        notes: sentences on what was not fitted and why.
    """

    method: str
    models: tuple[str, ...]
    labels: tuple[str, ...]
    weights: np.ndarray
    classifiers: Mapping[tuple[int, ...], ArrayClassifier]
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        table: ScoreTable,
        method: str,
        *,
        seed: int = 0,
        svm_c: float = 18.5,
        weights: Mapping[str, float] | None = None,
        folds: int = 5,
    ) -> Fusion:
        """Fit on the labelled rows of a table, whatever their split.

        The rows must hold scores of clips that the models themselves were not fitted on, as the members' ``scores.csv``
        do (their train rows come from folds of subjects). Nothing else is ever looked at.

        Every set of models that can answer together (all of them, those of one modality, and any other set that occurs)
        gets a classifier of its own, fitted on all rows in which the set's models answered. A set with too few
        rows is answered by the weighted average, one with fewer still by the average; ``notes`` tells.

        Args:
            table: score vectors; rows without a label are left aside.
            method: one of :data:`METHODS`.
            seed: of the random forest, AdaBoost and the folds.
            svm_c: penalty of the support vector machine; 18.5 in paper.md, section 4.4.
            weights: of ``weighted_average`` by model; searched on the rows where not given.
            folds: grouped by subject, for calibrating the support vector machine and choosing stacking's penalty.

        Raises:
            DataError: a score is no probability, or the weights do not fit the models.
        """
        if method not in METHODS:
            raise ValueError(f"no fusion method {method!r}; expected one of {', '.join(METHODS)}")
        probabilities = as_probabilities(table.scores)
        present = answered(probabilities)
        known = (table.truth >= 0) & present.any(axis=1)
        models = len(table.models)
        labels_seen = max(1, len(np.unique(table.truth[known])))
        notes: list[str] = []

        shares = np.full(models, 1 / models)
        if weights is not None:
            shares = given_weights(weights, table.models)
        elif method not in RULES:
            if known.sum() * 2 >= ROWS_PER_LABEL * labels_seen and known.any():
                shares = find_weights(probabilities[known], table.truth[known])
            else:
                notes.append(f"{known.sum()} labelled rows are too few to search weights on: equal weights")
        classifiers: dict[tuple[int, ...], ArrayClassifier] = {}
        if method in TRAINED:
            for subset in subsets_to_fit(table.models, present):
                rows = np.flatnonzero((table.truth >= 0) & present[:, subset].all(axis=1))
                names = "+".join(table.models[m] for m in subset)
                x = _end_to_end(probabilities[rows][:, subset])
                y = table.truth[rows]
                if len(rows) < ROWS_PER_LABEL * labels_seen or len(np.unique(y)) < 2:
                    notes.append(f"{names}: {len(rows)} labelled rows are too few for {method}: weighted average")
                    continue
                try:
                    classifiers[subset] = _fit_classifier(
                        method, x, y, len(table.labels), [table.subjects[i] for i in rows], seed, svm_c, folds
                    )
                except ValueError as error:  # AdaBoost whose first tree is no better than chance
                    notes.append(f"{names}: {method} could not be fitted ({error}): weighted average")
        if notes:
            logger.debug("%s: %s", method, "; ".join(notes))
        return cls(method, table.models, table.labels, shares, classifiers, tuple(notes))

    def predict(self, scores: np.ndarray) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of score vectors ``[N, M, L]``.

        A model without an answer has a row of NaN or of zeros. Rows of the result sum to one; a row is NaN where no
        model has an answer.

        Raises:
            DataError: a score is no probability, or the number of models or labels is another one.
        """
        probabilities = as_probabilities(scores)
        if probabilities.shape[1:] != (len(self.models), len(self.labels)):
            raise DataError(
                f"expected score vectors of {len(self.models)} models over {len(self.labels)} labels, "
                f"found the shape {probabilities.shape}",
                code="shape",
            )
        result = np.full((len(probabilities), len(self.labels)), np.nan)
        for subset, rows in groups(answered(probabilities)).items():
            part = probabilities[rows]
            classifier = self.classifiers.get(subset)
            if classifier is not None:
                result[rows] = classifier.predict(_end_to_end(part[:, subset]))
            elif self.method in RULES:
                result[rows] = RULES[self.method](part)
            else:
                result[rows] = weighted_average(part, self.weights)
        return result

    def save(self, folder: Path) -> None:
        """Write ``fusion.json`` and, where there are classifiers, ``fusion.safetensors``."""
        folder.mkdir(parents=True, exist_ok=True)
        names = {subset: "+".join(str(m) for m in subset) for subset in self.classifiers}
        description: dict[str, Any] = {
            "format": FORMAT,
            "method": self.method,
            "models": list(self.models),
            "labels": list(self.labels),
            "weights": self.weights.tolist(),
            "subsets": [list(subset) for subset in names],
            "notes": list(self.notes),
            "sha256": None,
        }
        if names:
            description["sha256"] = save_classifiers(
                folder / _CLASSIFIERS,
                {name: self.classifiers[subset] for subset, name in names.items()},
                {"stack": Stack},
            )
        (folder / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Fusion:
        """The fusion in a folder that :meth:`save` wrote; it answers exactly as the saved one.

        Raises:
            DataError: a file is missing, damaged, or of another format.
        """
        path = Path(folder) / _DESCRIPTION
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"not a readable fusion: {error}", code="missing", where=str(path)) from error
        if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("method") not in METHODS:
            raise DataError(f"not a fusion of format {FORMAT}", code="format", where=str(path))
        try:
            stored: dict[str, ArrayClassifier] = {}
            if found["sha256"]:
                stored = load_classifiers(Path(folder) / _CLASSIFIERS, found["sha256"], {"stack": Stack})
            return cls(
                found["method"],
                tuple(found["models"]),
                tuple(found["labels"]),
                np.array(found["weights"], dtype=float),
                {tuple(subset): stored["+".join(str(m) for m in subset)] for subset in found["subsets"]},
                tuple(found["notes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"lacks a part of the fusion ({error})", code="damaged", where=str(path)) from error


def _end_to_end(probabilities: np.ndarray) -> np.ndarray:
    return probabilities.reshape(len(probabilities), probabilities.shape[1] * probabilities.shape[2])


def _fit_classifier(
    method: str, x: np.ndarray, y: np.ndarray, labels: int, subjects: Sequence[str], seed: int, svm_c: float, folds: int
) -> ArrayClassifier:
    if method == "random_forest":
        return fit_forest(x, y, labels, trees=200, min_samples_split=10, seed=seed)
    if method == "adaboost":
        # On votes of unseen speakers 75.0 %; with scikit-learn's stumps and rate of 1 it is 72.9 %.
        return fit_adaboost(x, y, labels, trees=50, depth=2, learning_rate=0.3, seed=seed)
    if method == "svm":
        return fit_svc(x, y, labels, subjects, c=svm_c, kernel="rbf", folds=folds, seed=seed)
    return fit_stack(x, y, labels, subjects, folds=folds, seed=seed)
