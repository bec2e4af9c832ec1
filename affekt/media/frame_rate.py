"""Which frames of a clip are looked at: all up to some 30 a second, and evenly spaced ones of a faster clip."""

from __future__ import annotations

import math

import numpy as np

#: Frames a second that are looked at; faces say no more in more of them, and cost as much each.
MOST_FRAMES_A_SECOND = 30.0
#: Share by which a clip may be faster and keep all its frames: rates are stated and measured that inexactly.
_TOLERANCE = 0.05
#: From so few frames no rate is measured.
_FEWEST = 31


def step_for(rate: float) -> int:
    """Of how many frames one is looked at, at a mean rate in frames a second; 1 where that is not known."""
    return max(1, math.ceil(rate / MOST_FRAMES_A_SECOND - _TOLERANCE))


def measured_rate(times: np.ndarray) -> float:
    """The mean rate of frames at some times ``[T]``, seconds; 0 where they are too few to tell."""
    length = float(times[-1] - times[0]) if len(times) >= _FEWEST else 0.0
    return (len(times) - 1) / length if length > 0 else 0.0
