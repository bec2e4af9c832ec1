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


def fit_logistic(x: np.ndarray, y: np.ndarray, labels: int, *, c: float) -> LinearSoftmax:
    """Multinomial logistic regression with L2 penalty 1/C on features ``[N, F]`` and label numbers ``[N]``.

    Raises:
        ValueError: ``y`` holds fewer than two labels.
    """
    from sklearn.linear_model import LogisticRegression  # heavy: sklearn

    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(C=c, max_iter=1000).fit((x - mean) / scale, y)
    weights, bias = np.zeros((labels, x.shape[1])), np.full(labels, -np.inf)
    if len(model.classes_) == 2:  # scikit-learn keeps the second class alone: its logit against 0 for the first
        bias[model.classes_] = [0.0, model.intercept_[0]]
        weights[model.classes_[1]] = model.coef_[0]
    else:
        bias[model.classes_] = model.intercept_
        weights[model.classes_] = model.coef_
    return LinearSoftmax(mean, scale, weights, bias)
