"""Whether bare values of a picture are one grey value a pixel, or colours that would make a picture of another size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from affekt.counted import counted

if TYPE_CHECKING:
    import numpy as np

#: Of the difference between neighbours, that between every fourth value where those are neighbours in truth.
_SMOOTHER = 0.5
_OPAQUE = 255
#: Share of the other values that are none of the opacity; of a blank picture with a few spots nothing is told.
_VARIED = 0.25
_NAMES = {2: "grey and opacity", 3: "red, green and blue", 4: "red, green, blue and opacity"}


def colours_in(values: np.ndarray) -> str:
    """What the values seem to be where they are no square of grey values; nothing where they are or nobody knows.

    Four values a pixel are as many as the grey ones of twice the side: they are told by an opacity that is the same
    everywhere, or by every fourth value being nearer to each other than neighbours are.

    Args:
        values: uint8 ``[n]``.
    """
    count = values.size
    if not count:
        return ""
    if math.isqrt(count) ** 2 == count:
        return _of_colours(count, 4) if count % 4 == 0 and _is_rgba(values) else ""
    found = (channels for channels in (3, 2) if count % channels == 0 and _is_square(count // channels))
    return next((_of_colours(count, channels) for channels in found), "")


def _of_colours(count: int, channels: int) -> str:
    side = math.isqrt(count // channels)
    return f"{side} x {side} pixels of {counted(channels, 'values')} ({_NAMES[channels]})"


def _is_square(count: int) -> bool:
    return math.isqrt(count) ** 2 == count


def _is_rgba(values: np.ndarray) -> bool:
    import numpy as np  # heavy: numpy

    pixels = values.reshape(-1, 4).astype(int)
    if len(pixels) < 4 or np.ptp(pixels) == 0:
        return False
    planes = values.reshape(4, -1)
    if np.ptp(pixels[:, 3]) == 0 and (pixels[:, :3] != pixels[0, 3]).mean() > _VARIED:
        return True
    if planes[3].min() == _OPAQUE and (planes[:3] != _OPAQUE).mean() > _VARIED:
        return True
    beside, fourth = np.abs(np.diff(values.astype(int))).mean(), np.abs(np.diff(pixels, axis=0)).mean()
    return bool(fourth < _SMOOTHER * beside)
