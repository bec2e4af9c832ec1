"""Corner crops, scale and aspect jitter and mirror images of faces, drawn for training (paper.md, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.models.crops import SIDES

#: How far each edge of a still picture's crop wanders over a window, at most, as a share of the picture's side.
DRIFT = 1 / 24
#: Least and largest side of an erased rectangle, as shares of the picture's.
ERASED = (0.1, 0.4)


@dataclass(frozen=True)
class Distortions:
    """What is done to training pictures beyond crops and mirror images.

    Attributes:
        rotation: degrees, at most, to either side.
        erasing: probability with which a rectangle of a picture is made grey (Zhong et al. 2020).
        mixup: both parameters of the beta distribution that an item's share is drawn from where it is blended with
            another (Zhang et al. 2018); 0: none is blended.
    """

    rotation: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0

    @property
    def moves_pixels(self) -> bool:
        """Whether crops have columns for an angle and a rectangle."""
        return self.rotation > 0 or self.erasing > 0

    def added(self, rng: np.random.Generator, crops: np.ndarray) -> np.ndarray:
        """Crops ``[N, (T,) 5]`` as float32 ``[N, (T,) 10]``: the frames of an item share what is added.

        Column 5 is an angle in radians; 6 to 9 are left, top, width and height of what is erased, as shares of the
        network's input, of no size where nothing is.
        """
        if not self.moves_pixels:
            return crops
        count = len(crops)
        angles = np.deg2rad(rng.uniform(-self.rotation, self.rotation, count))
        sides = rng.uniform(*ERASED, (2, count)) * (rng.random(count) < self.erasing)
        corners = rng.uniform(0, 1, (2, count)) - sides / 2
        more = np.stack([angles, *corners, *sides], axis=1)
        more = more.reshape(count, *[1] * (crops.ndim - 2), 5)
        return np.concatenate([crops, np.broadcast_to(more, (*crops.shape[:-1], 5))], axis=-1).astype(np.float32)

    def shares(self, rng: np.random.Generator, count: int) -> np.ndarray | None:
        """Each item's own share float32 ``[count]``, at least a half; None where none is blended."""
        if not self.mixup:
            return None
        drawn = rng.beta(self.mixup, self.mixup, count)
        return np.maximum(drawn, 1 - drawn).astype(np.float32)


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
