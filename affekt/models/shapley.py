"""How much each feature of a row speaks for an answer: Shapley values by sampled orders.

Strumbelj and Kononenko, "Explaining prediction models and individual predictions with feature contributions" (2014);
each order is followed by its reverse (Mitchell et al. 2022), which halves the error of most models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def shapley_values(
    answer: Callable[[np.ndarray], np.ndarray],
    row: np.ndarray,
    reference: np.ndarray,
    *,
    orders: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """The share of each feature in the difference between the answer to a row and that to a reference.

    The shares add up to that difference exactly, whatever the number of orders; each is an average over them.

    Args:
        answer: from rows float64 ``[N, F]`` to one number each, float64 ``[N]``.
        row: float64 ``[F]``, what is explained.
        reference: float64 ``[F]``, what it is held against.
        orders: in which features are taken over one after the other; each costs F + 1 rows, and its reverse as many.
        seed: of the orders.

    Returns:
        float64 ``[F]``.
    """
    count = len(row)
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(count) for _ in range(orders)]
    shares = np.zeros(count)
    for order in [each for one in drawn for each in (one, one[::-1])]:
        taken = np.zeros((count + 1, count), bool)
        for place, feature in enumerate(order):
            taken[place + 1 :, feature] = True
        answers = answer(np.where(taken, row, reference))
        shares[order] += np.diff(answers)
    return shares / (2 * orders)
