"""How action units move the photographed face: smooth displacement fields, and lids and lips that open and close.

All coordinates are pixels of the photograph. A warp is stored backwards, as ``source - target``: for a pixel of the
expressive face, how far away in the photograph its colour comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.samples.photograph import LEFT_EYE, LIPS, RIGHT_EYE

#: The region in which the face moves: left, top, right, bottom.
REGION = (164, 64, 284, 216)

# unit -> (x, y, motion right, motion down, width, reach up, reach down) of Gaussian bumps at full intensity.
_Motion = tuple[float, float, float, float, float, float, float]
_MOTIONS: dict[str, tuple[_Motion, ...]] = {
    "au1": ((212, 86, 0.4, -4.2, 8, 9, 4.4), (239, 87.5, -0.4, -4.2, 8, 9, 4.4)),
    "au2": ((193, 85, 0, -3.4, 8, 9, 4.4), (259, 88.5, 0, -3.4, 8, 9, 4.4),
            (203, 84, 0, -1.6, 8, 9, 4.4), (250, 87, 0, -1.6, 8, 9, 4.4)),
    "au4": ((211, 91, 2.8, 3.4, 9, 7, 5), (240, 92, -2.8, 3.4, 9, 7, 5),
            (198, 90, 1, 2, 9, 7, 5), (254, 92, -1, 2, 9, 7, 5)),
    "au6": ((200, 117, -0.5, -3.2, 12, 8, 10), (252, 119, 0.5, -3.2, 12, 8, 10)),
    "au9": ((216, 124, -0.8, -3.4, 7, 9, 9), (233, 125, 0.8, -3.4, 7, 9, 9),
            (224, 108, 0, -1.2, 9, 8, 8), (224, 92, 0, 2.4, 12, 7, 7)),
    "au10": ((209, 132, -1, -2.6, 9, 9, 9), (240, 133, 1, -2.6, 9, 9, 9)),
    "au12": ((196, 131, -1.6, -2.2, 10, 10, 10), (254, 133, 1.6, -2.2, 10, 10, 10)),
    "au15": ((204, 153, 0.3, 2.6, 8, 9, 9), (244, 154, -0.3, 2.6, 8, 9, 9)),
    "au17": ((223, 163, 0, -3.2, 13, 8, 8),),
    "au20": ((196, 150, 0, 1, 10, 12, 12), (252, 151, 0, 1, 10, 12, 12)),
    "au23": ((223, 157, 0, -0.8, 14, 7, 7),),
}  # fmt: skip
# At rest the cheeks of the smiling photograph are lower.
_REST = ((201, 124, 0.8, 2.0, 13, 10, 10), (250, 126, -0.8, 2.0, 13, 10, 10))
SMOOTH_UNITS = tuple(_MOTIONS)

_MOUTH = 223.3  # x of the middle of the mouth
_MOUTH_HALF = 20.7
_CHIN = 178.0


def grid(region: tuple[int, int, int, int], step: float) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of a region's pixels, float32 ``[H, W]`` each, ``step`` photograph pixels apart."""
    left, top, right, bottom = region
    x = np.arange(left, right, step, dtype=np.float32)
    y = np.arange(top, bottom, step, dtype=np.float32)
    across, down = np.meshgrid(x, y)
    return across, down


def bumps(x: np.ndarray, y: np.ndarray, motions: Sequence[_Motion]) -> np.ndarray:
    """Gaussian displacements added up, float32 ``[2, H, W]`` (right, down)."""
    total = np.zeros((2, *x.shape), np.float32)
    for centre_x, centre_y, right, down, width, up, low in motions:
        height = np.where(y < centre_y, up, low)
        weight = np.exp(-0.5 * (((x - centre_x) / width) ** 2 + ((y - centre_y) / height) ** 2))
        weight[weight < 1e-3] = 0  # sums with denormal numbers are slow
        total[0] += right * weight
        total[1] += down * weight
    return total


def smooth_fields(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The displacement of each of ``SMOOTH_UNITS``, then that of the face at rest: ``[units + 1, 2, H, W]``."""
    return np.stack([bumps(x, y, motion) for motion in (*_MOTIONS.values(), _REST)])


def _curve(points: Sequence[tuple[float, float]], middle: float, half: float) -> tuple[np.ndarray, np.ndarray]:
    """A measured edge as a table over -1 to 1."""
    position = np.linspace(-1, 1, 65)
    measured = np.array(points)
    rows = np.interp(position, (measured[:, 0] - middle) / half, measured[:, 1])
    smooth = np.convolve(np.pad(rows, 3, mode="edge"), np.ones(7) / 7, mode="valid")
    smooth[:2], smooth[-2:] = rows[:2], rows[-2:]
    return position, smooth


_LIP_TABLES = tuple(_curve(line, _MOUTH, _MOUTH_HALF) for line in LIPS)
_EYE_TABLES = tuple(
    (
        (eye[0][0][0] + eye[0][-1][0]) / 2,
        (eye[0][-1][0] - eye[0][0][0]) / 2,
        tuple(_curve(line, (eye[0][0][0] + eye[0][-1][0]) / 2, (eye[0][-1][0] - eye[0][0][0]) / 2) for line in eye),
    )
    for eye in (LEFT_EYE, RIGHT_EYE)
)


def _look_up(table: tuple[np.ndarray, np.ndarray], position: np.ndarray) -> np.ndarray:
    values: np.ndarray = np.interp(position, *table).astype(np.float32)
    return values


def _fade(distance: np.ndarray, reach: float) -> np.ndarray:
    """1 at distance 0, falling smoothly to 0 at ``reach``."""
    left = np.clip(1 - distance / reach, 0, 1)
    return np.asarray(left * left * (3 - 2 * left))


def move_lids(x: np.ndarray, y: np.ndarray, units: Mapping[str, float], side: int) -> np.ndarray:
    """Where the rows of one eye's region come from: float32 ``[H, W]`` for columns ``x [W]`` and rows ``y [H, W]``.

    A closing lid covers the eye; an opening one stretches the eye behind it.
    """
    middle, half, tables = _EYE_TABLES[side]
    position = (x - middle) / half
    inside = np.clip(position, -1, 1)
    bow = 1 - inside * inside
    lateral = _fade(np.abs(position) - 1, 0.5)
    upper, lower = (_look_up(table, inside) for table in tables)
    height = lower - upper
    awake = 1 - min(1.0, units["blink"])
    shut = max(units["blink"], min(1.0, 0.9 * units["au43"] + 0.35 * units["au7"] + 0.1 * units["au6"]))
    lid = upper + 0.92 * height * shut - 1.9 * units["au5"] * awake * bow
    floor = lower - height * awake * (0.22 * units["au7"] + 0.25 * units["au6"] - 0.1 * units["au5"])
    floor = np.maximum(floor, lid + 0.02)
    stretched = lower - (lower - y) * (height / np.maximum(lower - np.minimum(lid, upper), 0.5))
    reach = 7 + np.maximum(lid - upper, 0)
    above = y + (upper - lid) * lateral * np.clip(1 - (lid - y) / reach, 0, 1)
    below = y + (lower - floor) * lateral * _fade(y - floor, 9.0)
    moved: np.ndarray = np.where(y < lid, above, np.where(y > floor, below, stretched))
    return moved


@dataclass(frozen=True)
class Mouth:
    """Where the pixels around the mouth come from, and what is seen in it; all float32 ``[H, W]``.

    Attributes:
        x, y: place in the photograph.
        dark: how much of the dark of the mouth is seen, 0 to 1; ``depth``: how deep down in the mouth, 0 to 1.
        seam: the shadow between the lips, 0 to 1.
    """

    x: np.ndarray
    y: np.ndarray
    dark: np.ndarray
    depth: np.ndarray
    seam: np.ndarray


def move_lips(columns: np.ndarray, x: np.ndarray, y: np.ndarray, units: Mapping[str, float]) -> Mouth:
    """Move lips, jaw and chin, over what the smooth motions have done.

    Args:
        columns: the x of the region's columns, ``[W]``.
        x: where they come from so far, ``[H, W]``; ``y`` likewise.
        units: intensities.
    """
    jaw = 10.5 * units["au26"]
    half = (
        16.8 + 4 * units["au12"] + 4 * units["au20"] - 1.6 * units["au23"] - 2.4 * units["au26"] - 0.6 * units["au17"]
    )
    corner = (
        146.2 - 6.6 * units["au12"] + 4.4 * units["au15"] + 0.8 * units["au20"] - 0.8 * units["au10"] + 0.25 * jaw
    )  # fmt: skip
    part = 5.6 * units["part"]
    middle = 146.0 - 0.55 * part - 2.6 * units["au10"] - 0.8 * units["au17"] - 0.5 * units["au26"]

    # By column: the edges of the lips, here and in the photograph.
    position = (columns - _MOUTH) / half
    inside = np.clip(position, -1, 1)
    bow = 1 - inside * inside
    wide_bow = 1 - np.abs(inside) ** 2.6
    lateral = _fade(np.maximum(np.abs(position) - 1, 0) * half, 16.0)
    opening = (part + jaw) * wide_bow
    upper = corner + (middle - corner) * bow
    lower = upper + opening
    drop = jaw * wide_bow
    # Half a pixel into the lips, where no tooth shines through.
    raise_upper = (_look_up(_LIP_TABLES[0], inside) - 0.7 * bow - upper) * lateral
    raise_lower = (_look_up(_LIP_TABLES[1], inside) + 0.6 * bow - (lower - drop)) * lateral
    widen = (_MOUTH_HALF - half) * inside * lateral
    chin = jaw * _fade(np.abs(columns - _MOUTH), 62.0)
    teeth = np.clip((columns - _MOUTH) / _MOUTH_HALF, -1, 1)
    teeth_top, teeth_end = (_look_up(table, teeth) for table in _LIP_TABLES)

    # Sideways the skin follows the corners; above and below, the lips follow their edges and the chin the jaw.
    source_x = x + widen * np.exp(-0.5 * ((y - corner) / 13.0) ** 2)
    fuller = 0.28 - 0.3 * units["au12"] - 0.5 * units["au23"] - 0.2 * units["au17"]
    gap = np.maximum(upper - y, 0)
    above = (
        upper - gap * (1 - fuller * np.exp(np.minimum(gap, 40) ** 2 * (-1 / 25))) + raise_upper * _fade(gap - 2, 17.0)
    )
    gap_below = np.maximum(y - lower, 0)
    below = lower + gap_below * (1 - fuller * np.exp(np.minimum(gap_below, 40) ** 2 * (-1 / 36)))
    below += raise_lower * _fade(gap_below - 2, 20.0)
    below -= (chin + (drop - chin) * _fade(gap_below, 20.0)) * _fade(y - (_CHIN + jaw), 26.0)

    # Between them: the upper teeth stay with the skull, then darkness.
    between = (y > upper) & (y < lower) & (np.abs(position) < 1)
    source_y = np.where(between, np.clip(y, teeth_top + 0.4, teeth_end - 0.4), np.where(y <= upper, above, below))
    dark = np.clip((y - (teeth_end - 0.9)) / 1.1, 0, 1) * between
    depth = np.clip((y - upper) / np.maximum(opening, 1.0), 0, 1)
    seam = np.exp(np.minimum(gap + gap_below, 6) ** 2 * (-1 / 0.8)) * np.sqrt(bow) * ~between
    return Mouth(np.where(between, x, source_x), source_y, dark, depth, seam)
