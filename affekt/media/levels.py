"""What takes the place of each value of a plane of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_VALUES = np.arange(256)
#: The rises of brightness and of colour from limited to full range (ITU-R BT.601: 219 and 224 steps become 255).
_RISES = (255 / 219, 255 / 224)
#: How far from a half a point of a line must stay, so that it is rounded alike in whatever order it is computed.
_CLEAR = 5e-4


@dataclass(frozen=True)
class Levels:
    """A value for each value of a plane.

    Attributes:
        table: uint8 ``[256]``, the new value of each.
        line: float64 ``[1, 2]``, rise and offset of a line whose rounded and clipped points they are, which are
            computed in a third of the time of looking them up; None where no line is known.
    """

    table: np.ndarray
    line: np.ndarray | None

    @classmethod
    def of(cls, table: np.ndarray) -> Levels:
        """Those in a table, uint8 ``[256]``."""
        return cls(table, next((line for rise in _RISES if (line := _line(table, rise)) is not None), None))

    def write(self, plane: np.ndarray, target: np.ndarray) -> None:
        """Write the new values of a plane, uint8, to another one of its shape."""
        if self.line is None:
            cv2.LUT(plane, self.table, target)
        else:
            cv2.transform(plane, self.line, target)


def _line(table: np.ndarray, rise: float) -> np.ndarray | None:
    """The line of a rise whose points are a table's values, as far from all halves as can be."""
    inner = (table > 0) & (table < 255)
    if not inner.any():
        return None
    left = table[inner] - rise * _VALUES[inner]
    offset = (left.max() + left.min()) / 2
    points = rise * _VALUES + offset
    told = np.abs(points - np.floor(points) - 0.5) > _CLEAR
    clipped = (points < -0.5) | (points > 255.5)
    if not np.array_equal(np.clip(np.rint(points), 0, 255), table) or not (told | clipped).all():
        return None
    return np.array([[rise, offset]])
