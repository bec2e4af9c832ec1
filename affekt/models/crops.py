"""Crops of face pictures at a network's input size: in the centre, or as an augmentation drew them (section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:  # heavy: torch, without which graphs answer
    from torch import Tensor

#: Sides of a cropped region as shares of the picture's side: width and height are drawn separately (section 3.2).
SIDES = (224 / 256, 192 / 256, 168 / 256)


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
        pictures: uint8 ``[N, T, S, S, C]``; the T frames of an item share its crop. With T crops for each item,
            ``[N, 1, S, S, C]``: one still picture, of which each frame is another crop.
        crops: ``[N, 5]`` as :func:`random_crops` returns them, or ``[N, T, 5]`` as :func:`drifting_crops` does. A sixth
            column is an angle in radians by which the region is turned about its middle.
        size: side of the result, pixels.
    """
    import torch  # heavy: as above
    from torch.nn import functional as F  # likewise

    count, stored, side = pictures.shape[:3]
    each = 1 if crops.ndim == 2 else crops.shape[1]
    columns = crops.to(pictures.device, torch.float32).reshape(-1, crops.shape[-1]).unbind(1)
    left, top, width, height, mirrored = columns[:5]
    # Pixel centres of the result, as shares of the region; then pixel numbers of the source, as cv2.resize maps them.
    steps = (torch.arange(size, device=pictures.device) + 0.5) / size
    across = torch.where(mirrored[:, None] > 0, 1 - steps, steps)
    if len(columns) > 5:
        angle = columns[5][:, None, None]
        right = ((across - 0.5) * width[:, None])[:, None, :]
        down = ((steps - 0.5) * height[:, None])[:, :, None]
        x = (left + width / 2)[:, None, None] + right * angle.cos() - down * angle.sin() - 0.5
        y = (top + height / 2)[:, None, None] + right * angle.sin() + down * angle.cos() - 0.5
    else:
        x = (left[:, None] + across * width[:, None] - 0.5).clamp(left[:, None], (left + width - 1)[:, None])
        y = (top[:, None] + steps * height[:, None] - 0.5).clamp(top[:, None], (top + height - 1)[:, None])
        x, y = x[:, None, :].expand(-1, size, size), y[:, :, None].expand(-1, size, size)
    grid = torch.stack([2 * x / (side - 1) - 1, 2 * y / (side - 1) - 1], dim=-1)
    # The frames of an item are taken as further channels of one picture, so that one grid serves them all; several
    # crops of a picture lie below each other in one grid, so that no picture is copied for them.
    planes = pictures.permute(0, 1, 4, 2, 3).reshape(count, -1, side, side).float()
    grid = grid.reshape(count, each * size, size, 2)
    regions = F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=True)
    regions = regions.reshape(count, stored, -1, each, size, size).permute(0, 1, 3, 4, 5, 2)
    return regions.reshape(count, stored * each, size, size, -1)
