"""What chance does: the mean recall of answers that know nothing of the truth, by permuting it (Fisher 1935)."""

from __future__ import annotations

import numpy as np


def chance_of_recall(truth: np.ndarray, predicted: np.ndarray, *, draws: int, seed: int) -> float:
    """The one-sided probability that answers unrelated to the truth reach so high a mean of the labels' recalls.

    The truth is dealt out to the clips anew ``draws`` times. The test is exact whatever the balance of labels and
    however few the clips; it takes the clips as independent of each other.

    Args:
        truth: int ``[N]``, the true labels, all known.
        predicted: int ``[N]``, the answered ones.
        draws: how often.
        seed: makes the draws repeatable.

    Returns:
        At least ``1 / (draws + 1)``.
    """
    truth = np.asarray(truth)
    share = 1 / np.maximum(np.bincount(truth), 1)  # what a hit adds to the sum of the recalls

    def recall(labels: np.ndarray) -> float:
        return float(share[labels[labels == predicted]].sum())

    rng = np.random.default_rng(seed)
    # Sums of the same numbers in another order differ in their last digits.
    observed = recall(truth) - 1e-9
    reached = sum(recall(rng.permutation(truth)) >= observed for _ in range(draws))
    return (reached + 1) / (draws + 1)
