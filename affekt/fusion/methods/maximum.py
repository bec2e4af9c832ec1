"""The maximum of what the models answered, label by label (paper.md, section 4.4)."""

from __future__ import annotations

import numpy as np

from affekt.extensions.fusion import FusionSpec
from affekt.fusion.vectors import scaled


def maximum(probabilities: np.ndarray) -> np.ndarray:
    """For each label the highest probability that any model gives it, scaled to a sum of one."""
    return scaled(np.max(np.nan_to_num(probabilities), axis=1))


SPEC = FusionSpec("maximum", "Maximum", rule=maximum, order=30)
