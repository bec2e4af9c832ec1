"""A support vector classifier with calibrated probabilities, fitted by scikit-learn and evaluated by numpy."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np

from affekt.dataset import subject_folds

logger = logging.getLogger(__name__)
Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class CalibratedSvc:
    """One-versus-one support vector machines of K classes over F features, and the temperature of their softmax.

    Attributes:
        mean, scale: float64 ``[F]``, subtracted from and divided into the features.
        vectors: float64 ``[S, F]``, the support vectors of an RBF kernel; ``[0, F]`` for a linear one.
        weights: float64 ``[P, S]`` for an RBF kernel (a pair's coefficient per support vector), ``[P, F]`` for a linear
            one (its normal vector), for the P pairs of classes in the order (0,1), (0,2) ... (1,2) ...
        bias: float64 ``[P]``.
        gamma: float64 ``[]``, of the RBF kernel.
        classes: int64 ``[K]``, the label numbers that occurred, ascending.
        sharpness: float64 ``[]``, the inverse temperature: the factor of the decision values before the softmax.
        labels: int64 ``[]``, L; a label that did not occur gets the probability 0.
    """

    mean: np.ndarray
    scale: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray
    classes: np.ndarray
    sharpness: np.ndarray
    labels: np.ndarray

    def decide(self, x: np.ndarray) -> np.ndarray:
        """scikit-learn's ``decision_function``: ``[N, K]``, or ``[N, 1]`` for two classes."""
        rows = (np.asarray(x, dtype=float) - self.mean) / self.scale
        if len(self.vectors):
            squares = (rows**2).sum(axis=1)[:, None] + (self.vectors**2).sum(axis=1) - 2 * rows @ self.vectors.T
            rows = np.exp(-self.gamma * np.maximum(squares, 0))
        pairs: np.ndarray = rows @ self.weights.T + self.bias
        count = len(self.classes)
        if count == 2:
            return pairs
        first, second = np.array(list(combinations(range(count), 2))).T
        wins = (np.arange(count) == first[:, None]).astype(float)  # [P, K]: the class that a positive margin is for
        losses = (np.arange(count) == second[:, None]).astype(float)
        votes = (pairs >= 0) @ wins + (pairs < 0) @ losses
        sums = pairs @ (wins - losses)
        # Votes decide; the summed margins, squeezed into (-1/3, 1/3), only break ties.
        decisions: np.ndarray = votes + sums / (3 * (np.abs(sums) + 1))
        return decisions

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for features ``[N, F]``."""
        logits = self.decide(x) * self.sharpness
        if len(self.classes) == 2:
            logits = np.concatenate([-logits, logits], axis=1)
        present = np.exp(logits - logits.max(axis=1, keepdims=True))
        present /= present.sum(axis=1, keepdims=True)
        result = np.zeros((len(present), int(self.labels)))
        result[:, self.classes] = present
        return result

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes by name, for storage."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> CalibratedSvc:
        """The classifier whose :meth:`arrays` these are."""
        return cls(**{item.name: arrays[item.name] for item in fields(cls)})


def fit_svc(
    x: np.ndarray, y: np.ndarray, labels: int, groups: Sequence[str], *,
    c: float, kernel: str, gamma: float | None = None, tolerance: float = 1e-3, standardise: bool = False,
    folds: int = 3, seed: int = 0,
) -> CalibratedSvc:  # fmt: skip
    """A support vector classifier on features ``[N, F]`` with calibrated probabilities (paper.md, 4.2.2 and 4.4).

    The machine is fitted on all rows. Its decision values become probabilities by a softmax whose temperature is fitted
    on decision values that machines of other folds gave, folds being grouped by ``groups`` (the subjects). One number
    for all labels keeps the machine's own order of the labels. A sigmoid per label (Platt) does not: with four clips
    per subject and label it changed every fifth answer and cost nine points of accuracy, with 28 neither helped. Where
    no grouping leaves every label in every training part, rows are split without regard to the groups; where a label
    has a single row, the temperature is one. ``gamma`` of an RBF kernel is 1 / (F times the variance of all features)
    where it is not given.

    Raises:
        ValueError: ``y`` holds fewer than two labels.
    """
    from sklearn.calibration import CalibratedClassifierCV  # heavy: sklearn
    from sklearn.pipeline import make_pipeline  # heavy: sklearn
    from sklearn.preprocessing import StandardScaler  # heavy: sklearn

    if len(np.unique(y)) < 2:
        raise ValueError("a support vector classifier needs at least two labels")
    machine = _machine(c, kernel, tolerance, gamma)
    model = make_pipeline(StandardScaler(), machine) if standardise else make_pipeline(machine)
    splits = calibration_folds(y, groups, folds, seed)
    # scikit-learn takes the labels that the temperature is fitted on for column numbers: without a label of its own in
    # the rows, each label after it would be looked for in another's column, the last one behind the end of the array.
    classes, columns = np.unique(y, return_inverse=True)
    if splits is None:
        logger.warning(
            "too few rows of a label to calibrate the probabilities; the temperature of their softmax is one"
        )
        fitted, sharpness = model.fit(x, columns), 1.0
    else:
        calibrated = CalibratedClassifierCV(model, method="temperature", cv=splits, ensemble=False).fit(x, columns)
        inner = calibrated.calibrated_classifiers_[0]
        fitted, sharpness = inner.estimator, float(inner.calibrators[0].beta_)
    scaler = fitted[0] if standardise else None
    mean = scaler.mean_ if scaler is not None else np.zeros(x.shape[1])
    scale = scaler.scale_ if scaler is not None else np.ones(x.shape[1])
    return _as_arrays(fitted[-1], mean, scale, sharpness, classes, labels)


def choose_c(
    x: np.ndarray, y: np.ndarray, groups: Sequence[str], candidates: Sequence[float], *,
    kernel: str, tolerance: float = 1e-3, standardise: bool = False, folds: int = 3, seed: int = 0,
) -> tuple[float, dict[float, float]]:  # fmt: skip
    """The candidate C with the highest accuracy over folds grouped by ``groups``, and every candidate's accuracy.

    Of equally good candidates the smallest, the most regularised one, is taken; it is also the answer where no folds
    can be made (no accuracies then).
    """
    from sklearn.model_selection import cross_val_predict  # heavy: sklearn
    from sklearn.pipeline import make_pipeline  # heavy: sklearn
    from sklearn.preprocessing import StandardScaler  # heavy: sklearn

    splits = calibration_folds(y, groups, folds, seed, lone=True)
    ordered = sorted(candidates)
    if splits is None or len(ordered) == 1:
        return ordered[0], {}
    accuracies = {}
    for c in ordered:
        machine = _machine(c, kernel, tolerance)
        model = make_pipeline(StandardScaler(), machine) if standardise else machine
        accuracies[c] = float(np.mean(cross_val_predict(model, x, y, cv=splits) == y))
    best = max(accuracies.values())
    return next(c for c in ordered if accuracies[c] == best), accuracies


def calibration_folds(
    y: np.ndarray, groups: Sequence[str], folds: int, seed: int, *, lone: bool = False
) -> Folds | None:
    """Folds (train rows, held-out rows) that partition the rows and leave every label in every training part.

    Grouped by ``groups`` with as many folds as possible up to ``folds``; else stratified rows; ``None`` where a
    label has a single row.

    Args:
        y: label numbers ``[N]``.
        groups: N names of subjects; a row without one is a group of its own.
        folds: at most so many.
        seed: of the folds.
        lone: whether a label of several rows that one group alone shows may be missing in the training part without
            that group, where others show two labels or more; else it keeps rows from being divided by groups.
    """
    from sklearn.model_selection import StratifiedKFold  # heavy: sklearn

    present = set(np.unique(y))
    if lone:
        names = np.array([name or f"\0{row}" for row, name in enumerate(groups)])
        alone = {label for label in present if (y == label).sum() > 1 and len(np.unique(names[y == label])) == 1}
        present = present - alone if len(present - alone) > 1 else present
    different = sum(1 for group in groups if not group) + len({group for group in groups if group})
    for count in range(min(folds, different), 1, -1):
        masks = subject_folds(groups, count, seed, labels=[str(label) for label in y])
        if len(masks) == count and all(present <= set(np.unique(y[~held])) for held in masks):
            return [(np.flatnonzero(~held), np.flatnonzero(held)) for held in masks]
    rarest = int(np.unique(y, return_counts=True)[1].min())
    if rarest < 2:
        return None
    splitter = StratifiedKFold(min(folds, rarest), shuffle=True, random_state=seed)
    return [(train, held) for train, held in splitter.split(np.zeros((len(y), 1)), y)]


def _machine(c: float, kernel: str, tolerance: float, gamma: float | None = None) -> Any:
    from sklearn.svm import SVC  # heavy: sklearn

    return SVC(C=c, kernel=kernel, tol=tolerance, gamma="scale" if gamma is None else gamma)


def _as_arrays(
    machine: Any, mean: np.ndarray, scale: np.ndarray, sharpness: float, classes: np.ndarray, labels: int
) -> CalibratedSvc:
    ends = np.cumsum(machine.n_support_)
    starts = ends - machine.n_support_
    count = len(machine.classes_)
    dual = np.asarray(machine.dual_coef_)
    pairs = np.zeros((count * (count - 1) // 2, len(machine.support_vectors_)))
    for row, (i, j) in enumerate(combinations(range(count), 2)):
        if count == 2:
            pairs[row] = dual[0]
            continue
        # libsvm's layout: the vectors of class i hold their coefficients against class j in row j-1, for i < j.
        pairs[row, starts[i] : ends[i]] = dual[j - 1, starts[i] : ends[i]]
        pairs[row, starts[j] : ends[j]] = dual[i, starts[j] : ends[j]]
    linear = machine.kernel == "linear"
    vectors = np.asarray(machine.support_vectors_, dtype=float)
    return CalibratedSvc(
        mean=np.asarray(mean, dtype=float),
        scale=np.asarray(scale, dtype=float),
        vectors=vectors[:0] if linear else vectors,
        weights=pairs @ vectors if linear else pairs,
        bias=np.asarray(machine.intercept_, dtype=float),
        gamma=np.array(0.0 if linear else machine._gamma),
        classes=np.asarray(classes, dtype=np.int64),
        sharpness=np.array(sharpness),
        labels=np.array(labels, dtype=np.int64),
    )
