"""Face boxes of one convention, and how alike two of them are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A face: from the chin to the upper forehead, from cheek to cheek (the convention of WIDER FACE), in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    def scaled(self, factor: float) -> Box:
        return Box(self.left * factor, self.top * factor, self.width * factor, self.height * factor)

    def moved(self, right: float, down: float) -> Box:
        return Box(self.left + right, self.top + down, self.width, self.height)


class Found(NamedTuple):
    """A detected face and how sure the detector is, from 0 to 1."""

    box: Box
    score: float


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    wide = min(first.left + first.width, second.left + second.width) - max(first.left, second.left)
    high = min(first.top + first.height, second.top + second.height) - max(first.top, second.top)
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (first.width * first.height + second.width * second.height - both)


def closeness(first: Box, second: Box) -> float:
    """How well two boxes may be one face a few frames apart: 1 for the same box, 0 and less for different faces."""
    size = (first.width * first.height * second.width * second.height) ** 0.25
    grown = (first.width * first.height) / (second.width * second.height)
    if size == 0 or not 0.45 < grown < 2.2:
        return 0.0
    away = float(np.hypot(first.centre[0] - second.centre[0], first.centre[1] - second.centre[1]))
    nearness: float = 1.0 - away / (0.7 * size)
    return nearness
