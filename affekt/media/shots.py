"""Black frames and cuts of a clip: between two of them, faces move evenly."""

from __future__ import annotations

import cv2
import numpy as np

from affekt.media.frames import Frames

#: Full-range brightness below which the brightest hundredth of a frame lies when the frame is black.
BLACK_LEVEL = 24
#: Share of pixels that are in another histogram bin at a cut.
CUT_SHARE = 0.35
#: Mean change of a pixel at a cut within one room, grey levels, and how much more that is than in the frames around.
CUT_CHANGE, CUT_RATIO = 6.0, 4.0
_THUMBNAIL = (64, 48)


def shots_of(frames: Frames) -> tuple[np.ndarray, list[range]]:
    """Which frames are black, bool ``[T]``, and the shots between black frames and cuts.

    At a cut the distribution of brightness changes, or the picture changes much more than in the frames before and
    behind (a change of speakers in one studio). A cut too many does no harm: the parts of one face are joined again.
    """
    count, pixels = len(frames), _THUMBNAIL[0] * _THUMBNAIL[1]
    black, turned, change = np.zeros(count, bool), np.zeros(count), np.zeros(count)
    before = histogram_before = None
    for number in range(count):
        thumbnail = cv2.resize(frames.luma(number), _THUMBNAIL)  # bilinear
        histogram = cv2.calcHist([thumbnail], [0], None, [16], [0, 256])
        black[number] = np.count_nonzero(thumbnail >= BLACK_LEVEL) < pixels // 100
        if before is not None and histogram_before is not None:
            turned[number] = cv2.norm(histogram, histogram_before, cv2.NORM_L1) / pixels / 2
            change[number] = cv2.norm(thumbnail, before, cv2.NORM_L1) / pixels
        before, histogram_before = thumbnail, histogram
    cuts = turned > CUT_SHARE
    for number in map(int, np.flatnonzero(change > CUT_CHANGE)):
        around = np.concatenate([change[max(1, number - 3) : number], change[number + 1 : number + 4]])
        cuts[number] |= around.size > 0 and change[number] > CUT_RATIO * np.median(around)
    ends = [number for number in range(count) if black[number] or cuts[number]] + [count]
    shots, start = [], 0
    for end in ends:
        if end > start:
            shots.append(range(start, end))
        start = end + 1 if end < count and black[end] else end
    return black, shots
