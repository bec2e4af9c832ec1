"""Black frames and cuts of a clip: between two of them, faces move evenly."""

from __future__ import annotations

import cv2
import numpy as np

from affekt.media.frames import Frames

#: Full-range brightness below which the brightest hundredth of a frame lies when the frame is black.
BLACK_LEVEL = 24
#: Share of pixels that change histogram bins from one frame to the next at a cut.
CUT_SHARE = 0.35
_THUMBNAIL = (64, 48)


def shots_of(frames: Frames) -> tuple[np.ndarray, list[range]]:
    """Which frames are black, bool ``[T]``, and the shots between black frames and cuts."""
    black = np.zeros(len(frames), bool)
    shots: list[range] = []
    start: int | None = None
    before: np.ndarray | None = None
    for number in range(len(frames)):
        thumbnail = cv2.resize(frames.luma(number), _THUMBNAIL, interpolation=cv2.INTER_LINEAR)
        histogram = np.bincount(np.right_shift(thumbnail, 4).reshape(-1), minlength=16) / thumbnail.size
        black[number] = np.partition(thumbnail.reshape(-1), -30)[-30] < BLACK_LEVEL
        cut = before is not None and np.abs(histogram - before).sum() / 2 > CUT_SHARE
        if start is not None and (black[number] or cut):
            shots.append(range(start, number))
            start = None
        if start is None and not black[number]:
            start = number
        before = histogram
    if start is not None:
        shots.append(range(start, len(frames)))
    return black, shots
