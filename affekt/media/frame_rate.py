"""Which frames of a clip are looked at: all up to some 30 a second, and evenly spaced ones of a faster clip."""

from __future__ import annotations

import math

import numpy as np

from affekt.media.pipes import USUAL_FRAME_RATE

#: Frames a second that are looked at; faces say no more in more of them, and cost as much each.
MOST_FRAMES_A_SECOND = 30.0
#: Share by which a clip may be faster and keep all its frames: rates are stated and measured that inexactly.
_TOLERANCE = 0.05
#: From so few frames no rate is measured.
_FEWEST = 31
#: Seconds for which the last frame is taken to be shown, where others are shown for as long, whatever else is known.
_SURELY_SHOWN = 0.1


def step_for(rate: float) -> int:
    """Of how many frames one is looked at, at a mean rate in frames a second; 1 where that is not known."""
    return max(1, math.ceil(rate / MOST_FRAMES_A_SECOND - _TOLERANCE))


def measured_rate(times: np.ndarray) -> float:
    """The mean rate of frames at some times ``[T]``, seconds; 0 where they are too few to tell."""
    length = float(times[-1] - times[0]) if len(times) >= _FEWEST else 0.0
    return (len(times) - 1) / length if length > 0 else 0.0


def shown_until(times: np.ndarray, rate: float, step: int, known: float) -> float:
    """When the last of the frames at some times ``[T]`` is no longer shown, seconds: after as long as the others.

    Where others are shown for long, as slides are, the end of the file or of its sound says so of the last one.

    Args:
        times: of the frames that are looked at.
        rate: frames a second as stated, for one frame alone; 0 where unknown.
        step: of how many frames one is looked at.
        known: what is known of the end, seconds; 0 where nothing is.
    """
    last, count = float(times[-1]), len(times) - 1
    usual = (last - float(times[0])) / count if count and last > times[0] else 1 / (rate or USUAL_FRAME_RATE)
    return min(last + usual / step, max(last + _SURELY_SHOWN, known))
