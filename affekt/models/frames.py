"""Which of a clip's face frames a model looks at: evenly spaced ones, or windows of consecutive ones."""

from __future__ import annotations

import numpy as np


def window_frames(frames: np.ndarray, first: int, window: int) -> np.ndarray:
    """The numbers of ``window`` consecutive face frames from the ``first``; a shorter clip starts again at its end."""
    if len(frames) >= window:
        return frames[first : first + window]
    return np.resize(frames, window)


def even_frames(frames: np.ndarray, count: int) -> np.ndarray:
    """``count`` of the frame numbers, evenly spaced in time; with fewer than ``count`` some occur several times.

    For a divisor of ``count`` the result is a part of the one for ``count``, so that VGG's answer and the Bi-LSTM's
    can come from the same forward passes.
    """
    return frames[np.arange(count) * len(frames) // count]


def even_windows(frames: np.ndarray, count: int, window: int) -> list[np.ndarray]:
    """At most ``count`` different windows, the first at the start of the clip and the last at its end."""
    last = max(0, len(frames) - window)
    starts = np.unique(np.linspace(0, last, count).round().astype(int)) if count > 1 else np.array([last // 2])
    return [window_frames(frames, int(first), window) for first in starts]
