"""Score vectors as fusion takes them: probabilities, NaN for missing models, sets of models that answer together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.errors import DataError
from affekt.extensions import model_specs


def as_probabilities(scores: np.ndarray) -> np.ndarray:
    """Score vectors ``[N, M, L]`` scaled to a sum of one; NaN where a model gave no answer.

    Votes and other amounts that are not negative are welcome. A vector of zeros is no answer either: score tables write
    it where no face was found.

    Raises:
        DataError: a score is negative or infinite (a logit or a logarithm, say), or the sum of some is.
    """
    values = np.asarray(scores, dtype=float)
    if (values < 0).any() or np.isinf(values).any():
        raise not_amounts("a score is negative or infinite")
    with np.errstate(over="ignore"):
        total = values.sum(axis=2, keepdims=True)
    if np.isinf(total).any():
        raise not_amounts("scores are so large that their sum is infinite")
    with np.errstate(invalid="ignore"):
        return np.where(total > 0, values / total, np.nan)


def not_amounts(found: str) -> DataError:
    """The error of scores that fusion cannot weigh."""
    return DataError(
        f"{found}; fusion needs probabilities, votes or other amounts from 0 up (apply the softmax to logits first)",
        code="not_probabilities",
    )


def answered(probabilities: np.ndarray) -> np.ndarray:
    """Bool ``[N, M]``: which model has an answer for which clip."""
    answered: np.ndarray = ~np.isnan(probabilities).any(axis=2)
    return answered


def scaled(vectors: np.ndarray) -> np.ndarray:
    """Vectors ``[N, L]`` of amounts scaled to a sum of one."""
    shares: np.ndarray = vectors / vectors.sum(axis=1, keepdims=True)
    return shares


def groups(available: np.ndarray) -> dict[tuple[int, ...], np.ndarray]:
    """The row numbers of every set of models that answers together in ``available`` ``[N, M]``, without the empty."""
    if len(available) == 1:  # the serving case, where np.unique would take most of the time
        subset = tuple(np.flatnonzero(available[0]).tolist())
        return {subset: np.zeros(1, dtype=int)} if subset else {}
    patterns, which = np.unique(available, axis=0, return_inverse=True)
    found = {}
    for number, pattern in enumerate(patterns):
        if pattern.any():
            found[tuple(np.flatnonzero(pattern).tolist())] = np.flatnonzero(which.ravel() == number)
    return found


def subsets_to_fit(models: Sequence[str], available: np.ndarray) -> list[tuple[int, ...]]:
    """The sets of models that have a fusion of their own: all, all of one modality, and what occurs in the rows.

    Models other than the ensemble's members have no known modality; sets of them count where they occur.
    """
    subsets = {tuple(range(len(models)))}
    known = model_specs()
    for modality in ("face", "voice"):
        subset = tuple(m for m, name in enumerate(models) if name in known and known[name].modalities == (modality,))
        if subset:
            subsets.add(subset)
    subsets.update(groups(available))
    return sorted(subsets, key=lambda subset: (-len(subset), subset))
