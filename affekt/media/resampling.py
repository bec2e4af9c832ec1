"""Sound at another rate, in whole samples."""

from __future__ import annotations

import numpy as np


def resampled(sound: np.ndarray, up: int, down: int) -> np.ndarray:
    """Int16 sound ``[n]`` with ``up / down`` times as many samples, int16."""
    from scipy.signal import resample_poly  # heavy: scipy.signal

    filtered = resample_poly(sound.astype(np.float64), up, down)
    whole: np.ndarray = np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)
    return whole
