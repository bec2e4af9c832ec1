"""Corner crops, scale and aspect jitter and mirror images of face pictures (paper.md, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

#: Sides of a cropped region as shares of the picture's side: width and height are drawn separately (section 3.2).
SIDES = (224 / 256, 192 / 256, 168 / 256)


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


def centre_crop(size: int, share: float = SIDES[0], *, mirrored: bool = False) -> np.ndarray:
    """Int ``[5]``: the square in the centre of a picture whose side is ``share`` of the picture's."""
    side = round(share * size)
    first = (size - side) // 2
    return np.array([first, first, side, side, int(mirrored)])


def cropped(picture: np.ndarray, crop: np.ndarray, size: int) -> np.ndarray:
    """The region of a uint8 picture ``[H, W, C]`` as uint8 ``[size, size, C]``, by bilinear interpolation."""
    left, top, width, height, mirrored = (int(value) for value in crop)
    region = picture[top : top + height, left : left + width]
    if region.shape[:2] != (size, size):
        region = cv2.resize(region, (size, size), interpolation=cv2.INTER_LINEAR)
        region = region.reshape(size, size, picture.shape[2])  # cv2 drops a single channel
    return region[:, ::-1] if mirrored else region


def cropped_on_device(pictures: Tensor, crops: Tensor, size: int) -> Tensor:
    """The same for a batch that lies on an accelerator: float ``[N, T, size, size, C]``, in grey levels.

    Args:
        pictures: uint8 ``[N, T, S, S, C]``; the T frames of an item share its crop.
        crops: ``[N, 5]`` as :func:`random_crops` returns them.
        size: side of the result, pixels.
    """
    count, frames, side = pictures.shape[:3]
    left, top, width, height, mirrored = crops.to(pictures.device, torch.float32).unbind(1)
    # Pixel centres of the result, as shares of the region; then pixel numbers of the source, as cv2.resize maps them.
    steps = (torch.arange(size, device=pictures.device) + 0.5) / size
    across = torch.where(mirrored[:, None] > 0, 1 - steps, steps)
    x = (left[:, None] + across * width[:, None] - 0.5).clamp(left[:, None], (left + width - 1)[:, None])
    y = (top[:, None] + steps * height[:, None] - 0.5).clamp(top[:, None], (top + height - 1)[:, None])
    grid = torch.stack(
        [
            (2 * x / (side - 1) - 1)[:, None, :].expand(count, size, size),
            (2 * y / (side - 1) - 1)[:, :, None].expand(count, size, size),
        ],
        dim=-1,
    )
    # The frames of an item are taken as further channels of one picture, so that one grid serves them all.
    planes = pictures.permute(0, 1, 4, 2, 3).reshape(count, -1, side, side).float()
    regions = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return regions.reshape(count, frames, -1, size, size).permute(0, 1, 3, 4, 2)
