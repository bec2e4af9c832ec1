"""Corner crops, scale and aspect jitter and mirror images of faces, drawn for training (paper.md, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.models.crops import SIDES

#: How far each edge of a still picture's crop wanders over a window, at most, as a share of the picture's side.
DRIFT = 1 / 24


def random_crops(rng: np.random.Generator, count: int, size: int, shares: Sequence[float] = SIDES) -> np.ndarray:
    """Int ``[count, 5]``: left, top, width, height (pixels) and mirrored (0 or 1) of a crop for each of ``count``.

    The regions lie in a corner or in the centre of a ``size`` x ``size`` picture; their width and height are drawn
    from ``shares`` of its side.
    """
    sides = np.round(np.array(shares) * size).astype(int)
    width, height = sides[rng.integers(len(sides), size=(2, count))]
    place = rng.integers(5, size=count)  # four corners and the centre
    right, bottom = size - width, size - height
    left = np.select([place == 4, place % 2 == 1], [right // 2, right], 0)
    top = np.select([place == 4, place >= 2], [bottom // 2, bottom], 0)
    return np.stack([left, top, width, height, rng.integers(2, size=count)], axis=1)


def drifting_crops(rng: np.random.Generator, crops: np.ndarray, size: int, frames: int) -> np.ndarray:
    """Float32 ``[N, frames, 5]``: each crop wanders evenly to one near to it, as the crop around a moving head does.

    Args:
        crops: ``[N, 5]`` as :func:`random_crops` returns them, the crops of the first frame; they stay mirrored or not.
        size: side of the pictures, pixels; each edge ends at most :data:`DRIFT` of it away, inside of the picture.
    """
    left_top, sides = crops[:, :2], crops[:, 2:4]
    first = np.concatenate([left_top, left_top + sides], axis=1)
    last = (first + rng.uniform(-DRIFT, DRIFT, first.shape) * size).clip(0, size)
    share = np.linspace(0, 1, frames)[:, None]
    edges = first[:, None] * (1 - share) + last[:, None] * share
    mirrored = np.broadcast_to(crops[:, None, 4:], (len(crops), frames, 1))
    moving = np.concatenate([edges[..., :2], edges[..., 2:] - edges[..., :2], mirrored], axis=2)
    return moving.astype(np.float32)
