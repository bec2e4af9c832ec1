"""Stacking: a mixture of three classifiers on score vectors, mixed by how well each foretells unseen subjects.

The three see the same vectors and differ in how much they assume. The *pooled* one weighs the models' logarithms (one
weight per model, one offset per label): right for few rows or models that err alike. The *linear* one weighs every
probability for every label: it learns that "neutral" from the voice says little where the face says "sad". The *kernel*
one also sees such pairs jointly. Their shares are those under which held-out folds of subjects are most likely, so no
choice among them is made by hand (the "super learner" of van der Laan, Polley and Hubbard, 2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from affekt.classifiers import LinearSoftmax, fit_logistic
from affekt.classifiers.svc import calibration_folds

#: Added to a probability before its logarithm, so that a single vote too few does not exclude a label.
_SMOOTHING = 0.05
#: Inverse penalties of the linear and of the kernel classifier, on standardised features.
_LINEAR_C, _KERNEL_C = 0.1, 3.0
#: Width of the kernel: exp(-w/F |x-z|^2) for F standardised features. As narrow as the usual w = 1 it overfits.
_KERNEL_WIDTH = 0.12
_LANDMARKS = 100
#: Penalty of the pooled classifier's offsets.
_OFFSET_PENALTY = 5.0


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
        return _softmax(np.einsum("m,nml->nl", self.weights, _logs(x, len(self.weights))) + self.bias)

    def arrays(self) -> dict[str, np.ndarray]:
        """All attributes by name, for storage."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True)
class KernelSoftmax:
    """Multinomial logistic regression on an RBF kernel's values at landmarks (Nyström's method).

    Attributes:
        mean, scale: float64 ``[F]``, subtracted from and divided into the features.
        landmarks: float64 ``[K, F]``, standardised.
        projection: float64 ``[K, K]``, from kernel values to features in which the kernel is the inner product.
        linear: the regression on those features.
    """

    mean: np.ndarray
    scale: np.ndarray
    landmarks: np.ndarray
    projection: np.ndarray
    linear: LinearSoftmax

    def features(self, x: np.ndarray) -> np.ndarray:
        """``[N, K]`` for features ``[N, F]``."""
        rows = (x - self.mean) / self.scale
        squares = (rows**2).sum(axis=1)[:, None] + (self.landmarks**2).sum(axis=1) - 2 * rows @ self.landmarks.T
        return np.exp(-_KERNEL_WIDTH / rows.shape[1] * np.maximum(squares, 0)) @ self.projection

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for features ``[N, F]``."""
        return self.linear.predict(self.features(x))


@dataclass(frozen=True)
class Stack:
    """The mixture.

    Attributes:
        pooled, linear, kernel: the three classifiers.
        shares: float64 ``[3]``, of each in the mixture; they sum to one.
    """

    pooled: PooledLogs
    linear: LinearSoftmax
    kernel: KernelSoftmax
    shares: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for score vectors laid end to end, ``[N, M L]``."""
        parts = (self.pooled, self.linear, self.kernel)
        mixed = sum(share * part.predict(x) for share, part in zip(self.shares, parts, strict=True))
        return np.asarray(mixed)

    def arrays(self) -> dict[str, np.ndarray]:
        """All that the mixture consists of, by name."""
        kernel = self.kernel
        return {
            "shares": self.shares,
            **{f"pooled.{name}": array for name, array in self.pooled.arrays().items()},
            **{f"linear.{name}": array for name, array in self.linear.arrays().items()},
            **{f"kernel.{name}": getattr(kernel, name) for name in ("mean", "scale", "landmarks", "projection")},
            **{f"kernel.linear.{name}": array for name, array in kernel.linear.arrays().items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Stack:
        """The mixture whose :meth:`arrays` these are."""

        def part(prefix: str) -> dict[str, np.ndarray]:
            return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}

        kernel = {name: array for name, array in part("kernel.").items() if not name.startswith("linear.")}
        return cls(
            PooledLogs(**part("pooled.")),
            LinearSoftmax.from_arrays(part("linear.")),
            KernelSoftmax(**kernel, linear=LinearSoftmax.from_arrays(part("kernel.linear."))),
            arrays["shares"],
        )


def fit_stack(x: np.ndarray, y: np.ndarray, labels: int, subjects: Sequence[str], *, folds: int, seed: int) -> Stack:
    """Fit on score vectors laid end to end ``[N, M L]`` without gaps, and label numbers ``[N]``.

    A label that does not occur in ``y`` gets the probability 0. Where no folds of the subjects can be made, the shares
    are equal.
    """
    shares = np.full(3, 1 / 3)
    splits = calibration_folds(y, subjects, folds, seed)
    if splits is not None:
        likelihoods = np.zeros((len(y), 3))
        for train, held in splits:
            for column, part in enumerate(_fit_parts(x[train], y[train], labels, seed)):
                likelihoods[held, column] = part.predict(x[held])[np.arange(len(held)), y[held]]
        shares = _mixture_shares(likelihoods)
    return Stack(*_fit_parts(x, y, labels, seed), shares)


def _fit_parts(
    x: np.ndarray, y: np.ndarray, labels: int, seed: int
) -> tuple[PooledLogs, LinearSoftmax, KernelSoftmax]:
    return _fit_pooled(x, y, labels), fit_logistic(x, y, labels, c=_LINEAR_C), _fit_kernel(x, y, labels, seed)


def _fit_pooled(x: np.ndarray, y: np.ndarray, labels: int) -> PooledLogs:
    from scipy.optimize import minimize

    models = x.shape[1] // labels
    classes = np.unique(y)
    logs = _logs(x, models)[:, :, classes]
    target = np.searchsorted(classes, y)
    rows = np.arange(len(y))

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        answers = _softmax(np.einsum("m,nml->nl", values[:models], logs) + values[models:])
        value = -np.log(np.maximum(answers[rows, target], 1e-12)).sum() + _OFFSET_PENALTY / 2 * (values[models:] ** 2).sum()
        answers[rows, target] -= 1
        slope = np.concatenate(
            [np.einsum("nl,nml->m", answers, logs), answers.sum(axis=0) + _OFFSET_PENALTY * values[models:]]
        )
        return float(value), slope

    # A negative weight would say that a model is wrong on purpose; it only ever fits noise.
    limits = [(0.0, None)] * models + [(None, None)] * len(classes)
    start = np.concatenate([np.ones(models), np.zeros(len(classes))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    bias = np.full(labels, -np.inf)
    bias[classes] = found[models:]
    return PooledLogs(found[:models], bias)


def _fit_kernel(x: np.ndarray, y: np.ndarray, labels: int, seed: int) -> KernelSoftmax:
    mean, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    rows = (x - mean) / scale
    chosen = np.random.default_rng(seed).permutation(len(rows))[:_LANDMARKS]
    landmarks = rows[np.sort(chosen)]
    squares = ((landmarks[:, None] - landmarks[None]) ** 2).sum(axis=2)
    values, vectors = np.linalg.eigh(np.exp(-_KERNEL_WIDTH / rows.shape[1] * squares))
    # Directions without any weight in the kernel matrix (double rows, say) are left out of the inverse square root.
    inverse = np.where(values > 1e-9, 1 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    empty = LinearSoftmax(np.zeros(0), np.zeros(0), np.zeros((0, 0)), np.zeros(0))
    basis = KernelSoftmax(mean, scale, landmarks, (vectors * inverse) @ vectors.T, empty)
    linear = fit_logistic(basis.features(x), y, labels, c=_KERNEL_C, standardise=False)
    return KernelSoftmax(mean, scale, landmarks, basis.projection, linear)


def _mixture_shares(likelihoods: np.ndarray, rounds: int = 200) -> np.ndarray:
    """The shares ``[K]`` that maximise the likelihood of rows ``[N, K]``, by expectation and maximisation."""
    shares = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    floor = np.maximum(likelihoods, 1e-6)
    for _ in range(rounds):
        owed = floor * shares
        shares = (owed / owed.sum(axis=1, keepdims=True)).mean(axis=0)
    return shares / shares.sum()


def _logs(x: np.ndarray, models: int) -> np.ndarray:
    logs = np.log(x.reshape(len(x), models, -1) + _SMOOTHING)
    return logs - logs.mean(axis=2, keepdims=True)


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
