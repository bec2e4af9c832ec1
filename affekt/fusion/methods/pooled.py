"""The weighted sum of the models' logarithms: one weight a model, one offset a label (a logarithmic opinion pool)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np

#: Added to a probability before its logarithm, so that a single vote too few does not exclude a label.
_SMOOTHING = 0.05
#: A model with a smaller part of the mean weight is not worth asking.
_NEGLIGIBLE = 0.25
#: How sharp a mean of logarithms may be made.
_POWERS = np.exp(np.linspace(-2.0, 3.0, 26))


@dataclass(frozen=True)
class PooledLogs:
    """Softmax of the weighted sum of the models' logarithms.

    Attributes:
        weights: float64 ``[M]``.
        bias: float64 ``[L]``; minus infinity for a label that did not occur.
    """

    weights: np.ndarray
    bias: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for score vectors laid end to end, ``[N, M L]``."""
        return softmax(np.einsum("m,nml->nl", self.weights, centred_logs(x, len(self.weights))) + self.bias)

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes by name, for storage."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def fit_pooled(x: np.ndarray, y: np.ndarray, labels: int, offset_penalty: float) -> PooledLogs:
    """Fit weights and offsets on rows ``[N, M L]`` with label numbers ``[N]``; no weight is below zero."""
    from scipy.optimize import minimize  # heavy: scipy

    models = x.shape[1] // labels
    classes = np.unique(y)
    logs = centred_logs(x, models)[:, :, classes]
    target = np.searchsorted(classes, y)
    rows = np.arange(len(y))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        answers = softmax(np.einsum("m,nml->nl", values[:models], logs) + values[models:])
        value = (
            -np.log(np.maximum(answers[rows, target], 1e-12)).sum() + offset_penalty / 2 * (values[models:] ** 2).sum()
        )
        answers[rows, target] -= 1
        slope = np.concatenate(
            [np.einsum("nl,nml->m", answers, logs), answers.sum(axis=0) + offset_penalty * values[models:]]
        )
        return float(value), slope

    # A negative weight would say that a model is wrong on purpose; it only ever fits noise.
    limits = [(0.0, None)] * models + [(None, None)] * len(classes)
    start = np.concatenate([np.ones(models), np.zeros(len(classes))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    bias = np.full(labels, -np.inf)
    bias[classes] = found[models:]
    return PooledLogs(found[:models], bias)


def fit_equal(x: np.ndarray, y: np.ndarray, labels: int, models: Iterable[int] | None = None) -> PooledLogs:
    """The geometric mean of some models, all by default, as sharp as makes the rows likeliest.

    Args:
        x: score vectors laid end to end ``[N, M L]``.
        y: label numbers ``[N]``.
        labels: L.
        models: numbers of those that have a weight.
    """
    count = x.shape[1] // labels
    weights = np.zeros(count)
    weights[list(range(count) if models is None else models)] = 1.0
    logits = np.einsum("m,nml->nl", weights, centred_logs(x, count))
    sharper = _POWERS[:, None, None] * logits
    sharper -= sharper.max(axis=2, keepdims=True)
    likelihoods = sharper[:, np.arange(len(y)), y] - np.log(np.exp(sharper).sum(axis=2))
    bias = np.full(labels, -np.inf)
    bias[np.unique(y)] = 0.0
    return PooledLogs(weights * _POWERS[int(likelihoods.mean(axis=1).argmax())], bias)


def fit_shrunk(x: np.ndarray, y: np.ndarray, labels: int, penalty: float) -> PooledLogs:
    """The weighted mean of logarithms, without offsets, whose weights are drawn to their own mean.

    From the logarithm of the rows' likelihood half of ``penalty`` times the sum of squared distances of the weights
    from their mean is taken: few rows leave the weights equal, many make them free. No weight is below zero. A model
    whose weight is less than a quarter of the mean is left out, the weakest first, and the others are fitted again.

    Args:
        x: score vectors laid end to end ``[N, M L]``.
        y: label numbers ``[N]``.
        labels: L.
        penalty: of distances from the mean weight.
    """
    models = x.shape[1] // labels
    classes = np.unique(y)
    logs = centred_logs(x, models)[:, :, classes]
    target = np.searchsorted(classes, y)
    kept = list(range(models))
    while True:
        found = _drawn_weights(logs[:, kept], target, penalty)
        if len(kept) == 1 or found.min() >= _NEGLIGIBLE * found.mean():
            break
        kept.pop(int(found.argmin()))
    weights = np.zeros(models)
    weights[kept] = found
    bias = np.full(labels, -np.inf)
    bias[classes] = 0.0
    return PooledLogs(weights, bias)


def _drawn_weights(logs: np.ndarray, target: np.ndarray, penalty: float) -> np.ndarray:
    """The weights ``[M]`` of logarithms ``[N, M, C]`` that :func:`fit_shrunk` describes, all models kept."""
    from scipy.optimize import minimize  # heavy: scipy

    models, rows = logs.shape[1], np.arange(len(target))

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        answers = softmax(np.einsum("m,nmc->nc", weights, logs))
        apart = weights - weights.mean()
        value = -np.log(np.maximum(answers[rows, target], 1e-12)).sum() + penalty / 2 * (apart**2).sum()
        answers[rows, target] -= 1
        return float(value), np.einsum("nc,nmc->m", answers, logs) + penalty * apart

    start = np.full(models, 1 / np.sqrt(models))
    found: np.ndarray = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * models).x
    return found


def fit_alone(x: np.ndarray, y: np.ndarray, labels: int) -> PooledLogs:
    """The model that is right most often, as :func:`fit_equal`; of several, the one that makes the rows likeliest."""

    def quality(part: PooledLogs) -> tuple[int, float]:
        answers = part.predict(x)
        likelihood = np.log(np.maximum(answers[np.arange(len(y)), y], 1e-6)).mean()
        return int((answers.argmax(axis=1) == y).sum()), float(likelihood)

    return max((fit_equal(x, y, labels, [model]) for model in range(x.shape[1] // labels)), key=quality)


def centred_logs(x: np.ndarray, models: int) -> np.ndarray:
    """The logarithms ``[N, M, L]`` of score vectors laid end to end, each with the mean zero."""
    logs = np.log(x.reshape(len(x), models, -1) + _SMOOTHING)
    centred: np.ndarray = logs - logs.mean(axis=2, keepdims=True)
    return centred


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities ``[N, L]`` of logits ``[N, L]``."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
