"""The fixed fusion rules, which are not fitted; each takes what models answered and needs one answer at least."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def average(probabilities: np.ndarray) -> np.ndarray:
    """The mean of the answering models' vectors, ``[N, M, L]`` to ``[N, L]`` (paper.md, section 4.4)."""
    return weighted_average(probabilities, np.ones(probabilities.shape[1]))


def weighted_average(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean with a weight per model ``[M]``; where a model has no answer, the other weights share its part.

    Where all answering models have the weight 0, their plain mean is the answer.
    """
    present = ~np.isnan(probabilities).any(axis=2)
    shares = present * weights
    lost = shares.sum(axis=1) == 0
    shares[lost] = present[lost]
    return _scaled(np.einsum("nm,nml->nl", shares, np.where(present[:, :, None], probabilities, 0.0)))


def maximum(probabilities: np.ndarray) -> np.ndarray:
    """For each label the highest probability that any model gives it, scaled to a sum of one (paper.md, 4.4)."""
    return _scaled(np.max(np.nan_to_num(probabilities, nan=0.0), axis=1))


def highest_confidence(probabilities: np.ndarray) -> np.ndarray:
    """The vector of the model that is surest of its answer; of equally sure ones the first (paper.md, Table 3)."""
    surest = np.nan_to_num(probabilities, nan=0.0).max(axis=2).argmax(axis=1)
    return _scaled(probabilities[np.arange(len(probabilities)), surest])


def _scaled(vectors: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = vectors / vectors.sum(axis=1, keepdims=True)
    return scaled


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "average": average,
    "maximum": maximum,
    "highest_confidence": highest_confidence,
}
