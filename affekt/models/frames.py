"""Windows of consecutive frames of a clip's faces, which a model looks at."""

from __future__ import annotations

import numpy as np


def window_frames(frames: np.ndarray, first: int, window: int) -> np.ndarray:
    """The numbers of ``window`` consecutive face frames from the ``first``; a shorter clip starts again at its end."""
    if len(frames) >= window:
        return frames[first : first + window]
    return np.resize(frames, window)


def even_windows(frames: np.ndarray, count: int, window: int) -> list[np.ndarray]:
    """At most ``count`` different windows, the first at the start of the clip and the last at its end."""
    last = max(0, len(frames) - window)
    starts = np.unique(np.linspace(0, last, count).round().astype(int)) if count > 1 else np.array([last // 2])
    return [window_frames(frames, int(first), window) for first in starts]
