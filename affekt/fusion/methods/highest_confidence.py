"""The answer of the model that is surest of it (paper.md, Table 3)."""

from __future__ import annotations

import numpy as np

from affekt.extensions.fusion import FusionSpec
from affekt.fusion.vectors import scaled


def highest_confidence(probabilities: np.ndarray) -> np.ndarray:
    """The vector of the model that is surest of its answer; of equally sure ones the first."""
    surest = np.nan_to_num(probabilities).max(axis=2).argmax(axis=1)
    return scaled(probabilities[np.arange(len(probabilities)), surest])


SPEC = FusionSpec("highest_confidence", "Highest confidence", rule=highest_confidence, order=40)
