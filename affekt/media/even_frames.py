"""Evenly spaced ones of a clip's frames."""

from __future__ import annotations

import numpy as np


def even_frames(frames: np.ndarray, count: int) -> np.ndarray:
    """``count`` of the frame numbers, evenly spaced in time; with fewer than ``count`` some occur several times.

    For a divisor of ``count`` the result is a part of the one for ``count``, so that VGG's answer and the Bi-LSTM's
    can come from the same forward passes.
    """
    return frames[np.arange(count) * len(frames) // count]
