"""The weights of a weighted average, found on labelled rows or given by the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from affekt.counted import there_are
from affekt.errors import DataError
from affekt.fusion.methods.weighted_average import weighted_average

#: A rule that takes probabilities ``[N, M, L]`` and weights ``[M]``.
WeightedRule = Callable[[np.ndarray, np.ndarray], np.ndarray]

#: The share of the whole weight that moves from one model to another in one step of the search.
STEP = 0.05


def find_weights(probabilities: np.ndarray, truth: np.ndarray, rule: WeightedRule = weighted_average) -> np.ndarray:
    """Weights ``[M]`` that sum to one, by a search on rows ``[N, M, L]`` with known truth ``[N]``.

    From equal weights on, the step of 0.05 from one model to another that raises the accuracy most is taken, and of
    equally good ones the step that lowers the log loss most, until none does. The search is deterministic, and since it
    starts at equal weights it leaves them only for a gain on these rows.
    """
    models = probabilities.shape[1]
    weights = np.full(models, 1 / models)
    best = _quality(rule(probabilities, weights), truth)
    while True:
        trials = []
        for giver in range(models):
            for taker in range(models):
                amount = min(STEP, weights[giver])
                if giver != taker and amount > 1e-9:
                    trial = weights.copy()
                    trial[giver] -= amount
                    trial[taker] += amount
                    trials.append((_quality(rule(probabilities, trial), truth), trial))
        better = [item for item in trials if item[0] > best]
        if not better:
            return weights
        best, weights = max(better, key=lambda item: item[0])


def given_weights(weights: Mapping[str, float], models: Sequence[str]) -> np.ndarray:
    """The user's weights ``[M]``, scaled to a sum of one; a model that is not named weighs nothing.

    Raises:
        DataError: an unknown model, a negative weight, or none above zero.
    """
    unknown = [name for name in weights if name not in models]
    if unknown:
        raise DataError(
            f"a weight is given for {', '.join(unknown)}; of models {there_are(models)}", code="unknown_model"
        )
    values = np.array([float(weights.get(name, 0.0)) for name in models])
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise DataError("weights must be numbers from 0 up, one of them above 0", code="bad_weights")
    shares: np.ndarray = values / values.sum()
    return shares


def _quality(fused: np.ndarray, truth: np.ndarray) -> tuple[int, float]:
    right = int((fused.argmax(axis=1) == truth).sum())
    likelihood = np.log(np.maximum(fused[np.arange(len(truth)), truth], 1e-6)).mean()
    return right, round(float(likelihood), 9)
