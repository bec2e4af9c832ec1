"""One frame of a clip at the size at which faces are searched."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from affekt.media.boxes import Box
from affekt.media.frames import Frames


class View:
    """One frame at the size at which faces are searched."""

    def __init__(self, frames: Frames, number: int, height: int) -> None:
        self._frames, self._number = frames, number
        short = min(frames.width, frames.height)
        #: Detection pixels per picture pixel; pictures are never enlarged.
        self.scale = min(1.0, height / short)
        self.size = (max(1, round(frames.width * self.scale)), max(1, round(frames.height * self.scale)))

    @cached_property
    def grey(self) -> np.ndarray:
        """uint8 ``[h, w]``."""
        luma = self._frames.luma(self._number)
        return luma if self.scale == 1 else cv2.resize(luma, self.size, interpolation=cv2.INTER_AREA)

    @cached_property
    def bgr(self) -> np.ndarray:
        """uint8 ``[h, w, 3]``, in OpenCV's order."""
        blue, red = (cv2.resize(plane, self.size) for plane in self._frames.chroma(self._number))
        return cv2.cvtColor(cv2.merge([self.grey, red, blue]), cv2.COLOR_YCrCb2BGR)

    def part(self, left: int, top: int, right: int, bottom: int, scale: float) -> np.ndarray:
        """A part of the grey picture, shrunk; nothing where the part lies outside."""
        part = self.grey[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        return part if 0 in part.shape else cv2.resize(part, size, interpolation=cv2.INTER_AREA)

    def sharp(self, box: Box, width: int) -> np.ndarray:
        """A part of the picture at its full resolution, scaled to this width, uint8 ``[h, width]``."""
        left, top, wide, high = box.scaled(1 / self.scale)
        luma = self._frames.luma(self._number)
        part = luma[max(0, int(top)) : max(1, int(top + high)), max(0, int(left)) : max(1, int(left + wide))]
        if 0 in part.shape:
            return np.zeros((width, width), np.uint8)
        size = (width, max(1, round(width * part.shape[0] / part.shape[1])))
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA if part.shape[1] > width else cv2.INTER_LINEAR)
