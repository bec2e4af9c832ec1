"""C3D: three-dimensional convolutions over windows of sixteen frames, five groups, then fc6, fc7 and fc8."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models.c3d import WINDOW
from affekt.models.convolution3d import Convolution3d

#: Convolutions of each group with their published channels; a pool follows each group.
_GROUPS = (
    (("1", 64),),
    (("2", 128),),
    (("3a", 256), ("3b", 256)),
    (("4a", 512), ("4b", 512)),
    (("5a", 512), ("5b", 512)),
)


class C3D(nn.Module):
    """C3D (Tran et al. 2015; paper.md, section 3.1.1: five convolution-pooling groups, three inner products).

    The layers bear the names of the published Sports-1M state dict (``conv1`` to ``fc8``). At 16 frames of 112 pixels,
    width 1 and seven classes: 78.0 million parameters, 38.55 billion multiply-accumulates a window.

    Args:
        width: share of the published numbers of channels and units.
        input_size: side of the frames, pixels.
        classes: number of labels.
        batch_norm: whether a batch normalisation follows each convolution, fc6 and fc7.
        dropout: probability with which a unit of fc6 and of fc7 is left out in training.
        last_pool: which pixels the last pool leaves alone where the side is odd (7 become 4): the ``leading`` row and
            column, as the PyTorch port with its border of one pixel does, or the ``trailing`` ones, as the authors'
            Caffe network does by rounding up.
    """

    #: Frames of a window; the five pools bring them down to one.
    WINDOW = WINDOW

    def __init__(
        self,
        *,
        width: float = 1.0,
        input_size: int = 112,
        classes: int = 7,
        batch_norm: bool = False,
        dropout: float = 0.5,
        last_pool: str = "leading",
    ) -> None:
        super().__init__()
        if last_pool not in ("leading", "trailing"):
            raise ValueError(f"last_pool: expected leading or trailing, got {last_pool!r}")
        self.trailing = last_pool == "trailing"
        self.architecture: dict[str, Any] = {
            "width": width,
            "input_size": input_size,
            "classes": classes,
            "batch_norm": batch_norm,
            "dropout": dropout,
            "last_pool": last_pool,
        }
        self.dropout = dropout
        channels, side = 3, input_size
        for group in _GROUPS:
            for name, published in group:
                wide = max(1, round(published * width))
                self.add_module(f"conv{name}", Convolution3d(channels, wide, 3))
                if batch_norm:
                    self.add_module(f"bn{name}", nn.BatchNorm3d(wide))
                channels = wide
            # With a border of one pixel, or rounded up, 7 become 4 and even 1 stays 1.
            last = -(-side // 2) if self.trailing else side // 2 + 1
            side = side // 2 if group is not _GROUPS[-1] else last
        units = max(1, round(4096 * width))
        self.fc6 = nn.Linear(channels * side * side, units)
        self.fc7 = nn.Linear(units, units)
        if batch_norm:
            self.bnfc6, self.bnfc7 = nn.BatchNorm1d(units), nn.BatchNorm1d(units)
        self.fc8 = nn.Linear(units, classes)

    def forward(self, windows: Tensor) -> Tensor:
        """The logits ``[N, classes]`` of float ``[N, 3, 16, input_size, input_size]`` windows.

        Windows of one frame are stills: the frames before and after would be the same, so each convolution is the one
        in space by the sum of its weights over time. That is what a window without motion comes to, but for its first
        and last frames, and on a CPU it takes a tenth of the time.
        """
        for number, group in enumerate(_GROUPS):
            for name, _ in group[:-1]:
                windows = self.rectified(f"conv{name}", windows)
            windows = self.normalised(f"conv{group[-1][0]}", windows)
            # The first pool keeps all frames: motion is not merged too early. A still has no others to merge.
            deep = 1 if number == 0 or windows.shape[2] == 1 else 2
            last = number == len(_GROUPS) - 1
            border = (0, 1, 1) if last and not self.trailing else 0
            windows = _pooled(windows, deep, border, trailing=last and self.trailing)
            # The order of pool and rectification changes no value, but there is less to rectify.
            windows = F.relu(windows, inplace=True)
        hidden = windows.flatten(1)
        for layer in ("fc6", "fc7"):
            hidden = F.dropout(self.rectified(layer, hidden), self.dropout, self.training)
        logits: Tensor = self.fc8(hidden)
        return logits

    def normalised(self, layer: str, values: Tensor) -> Tensor:
        """A layer with its batch normalisation, where it has one."""
        applied = self.get_submodule(layer)
        if isinstance(applied, Convolution3d) and values.shape[2] == 1:
            values = applied.convolved(values, applied.weight.sum(2, keepdim=True))
        else:
            values = applied(values)
        norm = "bn" + layer.removeprefix("conv")
        return self.get_submodule(norm)(values) if hasattr(self, norm) else values

    def rectified(self, layer: str, values: Tensor) -> Tensor:
        """A layer with its batch normalisation, where it has one, and its rectification."""
        return F.relu(self.normalised(layer, values), inplace=True)


def _pooled(maps: Tensor, deep: int, border: tuple[int, int, int] | int, *, trailing: bool) -> Tensor:
    """The maximum over ``deep`` x 2 x 2 of ``[N, C, T, H, W]``."""
    if maps.is_cuda:
        return pooled_in_two(maps, deep, border=bool(border), trailing=trailing)
    return F.max_pool3d(maps, (deep, 2, 2), padding=border, ceil_mode=trailing)


def pooled_in_two(maps: Tensor, deep: int, *, border: bool, trailing: bool) -> Tensor:
    """The same values over space first, with the frames as further items, and then over time.

    On an H200 the pooling in three dimensions took a fifth of an iteration, and is not compiled.

    Args:
        maps: ``[N, C, T, H, W]``, with an even T where ``deep`` is 2.
        deep: frames that become one, 1 or 2.
        border: whether there is one of one pixel around each frame.
        trailing: whether an odd side is rounded up.
    """
    count, channels, frames, height, width = maps.shape
    flat = maps.transpose(1, 2).reshape(count * frames, channels, height, width)
    flat = F.max_pool2d(flat, 2, padding=int(border), ceil_mode=trailing)
    maps = flat.reshape(count, frames, channels, *flat.shape[2:]).transpose(1, 2)
    return maps if deep == 1 else torch.maximum(maps[:, :, 0::2], maps[:, :, 1::2])
