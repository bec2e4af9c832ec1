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
#: Grey levels by which no part of a still differs from one frame to another.
_STILL = 6
#: Frames before and behind a change that it is compared with.
_AROUND = 3


def moves(frames: Frames) -> bool:
    """Whether a picture shows anything that changes: one that is black throughout, or a still, does not."""
    first: np.ndarray | None = None
    for number in range(len(frames)):
        thumbnail = cv2.resize(frames.luma(number), _THUMBNAIL, interpolation=cv2.INTER_AREA)
        if _is_black(thumbnail):
            continue
        first = thumbnail if first is None else first
        if cv2.norm(thumbnail, first, cv2.NORM_INF) > _STILL:
            return True
    return False


def shots_of(frames: Frames) -> tuple[np.ndarray, list[range]]:
    """Which frames are black, bool ``[T]``, and the shots between black frames and cuts.

    At a cut the distribution of brightness changes, or the picture changes much more than in the frames before and
    behind (a change of speakers in one studio). A cut too many does no harm: the parts of one face are joined again.
    """
    return ShotFinder(frames).shots()


class ShotFinder:
    """Looks at the frames of a clip in their order, as they come."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._black: list[bool] = []
        self._turned: list[float] = []
        self._change: list[float] = []
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self._first = 0

    def first(self, count: int) -> int:
        """How many frames are sure to lie in a shot that begins with the first one, by those before a number."""
        self._look(count)
        while self._first < count - _AROUND and not self._ends(self._first):
            self._first += 1
        return self._first

    def shots(self) -> tuple[np.ndarray, list[range]]:
        """As :func:`shots_of`."""
        count = len(self._frames)
        self._look(count)
        ends = [number for number in range(count) if self._ends(number)] + [count]
        shots, start = [], 0
        for end in ends:
            if end > start:
                shots.append(range(start, end))
            start = end + 1 if end < count and self._black[end] else end
        return np.array(self._black, bool), shots

    def _look(self, count: int) -> None:
        pixels = _THUMBNAIL[0] * _THUMBNAIL[1]
        for number in range(len(self._black), count):
            thumbnail = cv2.resize(self._frames.luma(number), _THUMBNAIL)  # bilinear
            histogram = cv2.calcHist([thumbnail], [0], None, [16], [0, 256])
            turned = change = 0.0
            if self._before is not None:
                turned = cv2.norm(histogram, self._before[1], cv2.NORM_L1) / pixels / 2
                change = cv2.norm(thumbnail, self._before[0], cv2.NORM_L1) / pixels
            self._before = thumbnail, histogram
            self._black.append(_is_black(thumbnail))
            self._turned.append(turned)
            self._change.append(change)

    def _ends(self, number: int) -> bool:
        """Whether a frame is black, or behind a cut."""
        if self._black[number] or self._turned[number] > CUT_SHARE:
            return True
        if self._change[number] <= CUT_CHANGE:
            return False
        before = self._change[max(1, number - _AROUND) : number]
        around = before + self._change[number + 1 : number + 1 + _AROUND]
        return bool(around and self._change[number] > CUT_RATIO * np.median(around))


def _is_black(thumbnail: np.ndarray) -> bool:
    return bool(np.count_nonzero(thumbnail >= BLACK_LEVEL) < thumbnail.size // 100)
