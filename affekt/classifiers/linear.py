"""Multinomial logistic regression on standardised features, fitted by scikit-learn and evaluated by numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class LinearSoftmax:
    """Softmax of a linear map of F standardised features to L labels.

    Attributes:
        mean, scale: float64 ``[F]``, subtracted from and divided into the features.
        weights: float64 ``[L, F]``.
        bias: float64 ``[L]``; minus infinity for a label that did not occur, which gets the probability 0.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for features ``[N, F]``."""
        logits = ((x - self.mean) / self.scale) @ self.weights.T + self.bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes by name, for storage."""
        return {item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> LinearSoftmax:
        """The classifier whose :meth:`arrays` these are."""
        return cls(**{item.name: arrays[item.name] for item in fields(cls)})


def fit_logistic(
    x: np.ndarray, y: np.ndarray, labels: int, *, c: float, possible: np.ndarray | None = None
) -> LinearSoftmax:
    """Multinomial logistic regression with L2 penalty 1/C on features ``[N, F]`` and label numbers ``[N]``.

    Args:
        x: the features.
        y: the labels.
        labels: L, how many there are.
        c: inverse penalty.
        possible: bool ``[N, L]``, the labels that each row could have had: no other counts against it. All by default.

    Raises:
        ValueError: ``y`` holds fewer than two labels.
    """
    from sklearn.linear_model import LogisticRegression  # heavy: sklearn

    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    if possible is not None and not possible[:, np.unique(y)].all():
        return LinearSoftmax(mean, scale, *_fit_masked((x - mean) / scale, y, possible, c))
    model = LogisticRegression(C=c, max_iter=1000).fit((x - mean) / scale, y)
    weights, bias = np.zeros((labels, x.shape[1])), np.full(labels, -np.inf)
    if len(model.classes_) == 2:  # scikit-learn keeps the second class alone: its logit against 0 for the first
        bias[model.classes_] = [0.0, model.intercept_[0]]
        weights[model.classes_[1]] = model.coef_[0]
    else:
        bias[model.classes_] = model.intercept_
        weights[model.classes_] = model.coef_
    return LinearSoftmax(mean, scale, weights, bias)


def _fit_masked(x: np.ndarray, y: np.ndarray, possible: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights ``[L, F]`` and bias ``[L]`` with the least loss, in which each row's softmax is over its own labels."""
    from scipy.optimize import minimize  # heavy: scipy.optimize, which an answer does not need

    known = np.unique(y)
    if len(known) < 2:
        raise ValueError("fewer than two labels to tell apart")
    column = np.searchsorted(known, y)
    hidden = np.where(possible[:, known], 0.0, -np.inf)
    hidden[np.arange(len(y)), column] = 0.0
    target = np.eye(len(known))[column]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[: -len(known)].reshape(len(known), -1), flat[-len(known) :]
        logits = x @ weights.T + bias + hidden
        top = logits.max(axis=1, keepdims=True)
        powers = np.exp(logits - top)
        sums = powers.sum(axis=1, keepdims=True)
        own = np.where(target > 0, logits, 0.0).sum(axis=1)
        error = powers / sums - target
        value = 0.5 * float((weights**2).sum()) + c * float((np.log(sums) + top).sum() - own.sum())
        return value, np.concatenate([(weights + c * error.T @ x).ravel(), c * error.sum(axis=0)])

    start = np.zeros(len(known) * (x.shape[1] + 1))
    flat = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    weights, bias = np.zeros((possible.shape[1], x.shape[1])), np.full(possible.shape[1], -np.inf)
    weights[known] = flat[: -len(known)].reshape(len(known), -1)
    bias[known] = flat[-len(known) :]
    return weights, bias
