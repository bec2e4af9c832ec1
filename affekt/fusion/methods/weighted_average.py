"""The weighted average: a weight a model, found on labelled rows or given (paper.md, section 3.3)."""

from __future__ import annotations

import numpy as np

from affekt.extensions.fusion import FusionSpec
from affekt.fusion.vectors import answered, scaled


def weighted_average(probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean with a weight per model ``[M]``; where a model has no answer, the other weights share its part.

    Where all answering models have the weight 0, their plain mean is the answer.
    """
    present = answered(probabilities)
    shares = present * weights
    lost = shares.sum(axis=1) == 0
    shares[lost] = present[lost]
    return scaled(np.einsum("nm,nml->nl", shares, np.nan_to_num(probabilities)))


SPEC = FusionSpec("weighted_average", "Weighted average", rule=weighted_average, weighted=True, order=20)
