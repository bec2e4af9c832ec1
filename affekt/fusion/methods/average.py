"""The average of what the models answered (paper.md, section 4.4)."""

from __future__ import annotations

import numpy as np

from affekt.extensions.fusion import FusionSpec
from affekt.fusion.methods.weighted_average import weighted_average


def average(probabilities: np.ndarray) -> np.ndarray:
    """The mean of the answering models' vectors, ``[N, M, L]`` to ``[N, L]``."""
    return weighted_average(probabilities, np.ones(probabilities.shape[1]))


SPEC = FusionSpec("average", "Average", rule=average, order=10)
