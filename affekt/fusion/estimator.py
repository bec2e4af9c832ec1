"""Fusion as a scikit-learn estimator: for cross-validation, grid search and pipelines of that library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from affekt.counted import counted
from affekt.errors import DataError
from affekt.fusion.fusion import Fusion
from affekt.score_table import ScoreTable


class FusionClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Every fusion method of :class:`affekt.fusion.Fusion`, with scikit-learn's ``fit`` and ``predict_proba``.

    ``X`` are score vectors ``[N, M, L]`` of M models over L labels; a row of NaN or of zeros is a model without an
    answer, and every set of models that answers together has its fitted fusion. ``y`` are label numbers ``[N]``, or
    label names where ``labels`` says which column is whose. The scores must be of clips that the models did not learn
    from; nothing in an array can tell.

    Args:
        method: the name of an installed method (:func:`affekt.extensions.fusion_names`).
        models: the names of the M models, for ``weights`` and for sets of one modality; ``model 0`` … otherwise.
        labels: the L label names, in the order of the columns; numbers otherwise.
        weights: of a weighted rule, by model; found on the rows where not given.
        settings: the method's own settings, such as ``SvmFusionSettings(c=1.0, kernel="rbf", gamma=None)``; those of
            the preset ``paper`` where not given.
        folds: grouped by subject, for calibration and for what stacking chooses.
        seed: of everything random.
    """

    def __init__(
        self,
        method: str = "stacking",
        *,
        models: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
        settings: Any = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.method = method
        self.models = models
        self.labels = labels
        self.weights = weights
        self.settings = settings
        self.folds = folds
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: Sequence[str] | None = None) -> FusionClassifier:
        """Fit on rows of known label.

        Args:
            X: ``[N, M, L]``.
            y: ``[N]``.
            groups: the subject of each row, for folds within the fit; each row is a subject of its own otherwise.

        Raises:
            DataError: the shapes do not match, a label is unknown, or a score is no probability.
        """
        scores = np.asarray(X, dtype=float)
        if scores.ndim != 3 or len(scores) != len(y):
            raise DataError(
                f"expected score vectors [N, M, L] with a label for each of N rows, found the shape {scores.shape} and "
                f"{counted(len(y), 'labels')}",
                code="shape",
            )
        count, models, labels = scores.shape
        names = tuple(self.models or (f"model {number}" for number in range(models)))
        self.classes_ = np.array(self.labels) if self.labels is not None else np.arange(labels)
        if len(names) != models or len(self.classes_) != labels:
            raise DataError(
                f"the scores are of {counted(models, 'models')} over {counted(labels, 'labels')}; named are "
                f"{counted(len(names), 'models')} and {counted(len(self.classes_), 'labels')}",
                code="shape",
            )
        unknown = sorted({str(label) for label in y} - {str(label) for label in self.classes_})
        if unknown:
            raise DataError(f"y holds {unknown[0]}; expected one of {', '.join(map(str, self.classes_))}", code="label")
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        table = ScoreTable(
            tuple(str(row) for row in range(count)),
            tuple(str(label) for label in self.classes_),
            names,
            scores,
            np.array([numbers[label] for label in np.asarray(y).tolist()], dtype=int),
            tuple(str(group) for group in groups) if groups is not None else ("",) * count,
            ("train",) * count,
        )
        self.fusion_ = Fusion.fit(
            table, self.method,
            weights=self.weights, folds=self.folds, seed=self.seed,
            settings=None if self.settings is None else {self.method: self.settings},
        )  # fmt: skip
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Fused probabilities ``[N, L]``; NaN in a row where no model has an answer."""
        check_is_fitted(self)
        return self.fusion_.predict(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The most probable label of each row.

        Raises:
            DataError: a row has no answer of any model.
        """
        probabilities = self.predict_proba(X)
        lost = np.flatnonzero(np.isnan(probabilities).any(axis=1))
        if len(lost):
            raise DataError(f"no model has an answer in row {lost[0]}; leave such rows out", code="no_answer")
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])
