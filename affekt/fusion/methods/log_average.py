"""The average of the logarithms of what the models answered: their geometric mean, a logarithmic opinion pool."""

from __future__ import annotations

import numpy as np

from affekt.extensions.fusion import FusionSpec
from affekt.fusion.methods.pooled import centred_logs, softmax
from affekt.fusion.vectors import answered


def log_average(probabilities: np.ndarray) -> np.ndarray:
    """The geometric mean of the answering models' vectors, scaled to a sum of one, ``[N, M, L]`` to ``[N, L]``."""
    count, models, labels = probabilities.shape
    present = answered(probabilities)
    logs = centred_logs(np.nan_to_num(probabilities).reshape(count, models * labels), models)
    return softmax((logs * present[:, :, None]).sum(axis=1) / present.sum(axis=1, keepdims=True))


SPEC = FusionSpec("log_average", "Average of logarithms", rule=log_average, order=15)
