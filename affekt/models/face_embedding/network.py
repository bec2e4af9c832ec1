"""An encoder of faces: MobileNet trained to tell people apart, frozen (Howard et al. 2017; Savchenko 2019)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.models.face_embedding.pictures import statistics_of

#: Channels after each pointwise convolution at width 1, and the depthwise ones in front of them that halve the picture.
CHANNELS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
HALVING = (2, 4, 6, 12)
FIRST = 32
#: Pointwise convolutions whose maps are read, numbered from one; the last is what it pools itself.
READ = (9, 12, 13)


class MobileNet(nn.Module):
    """Pictures of faces to what the encoder makes of them; batch normalisation is part of weights and biases.

    Args:
        width: share of the published channels.
        order: of the channels that it expects, ``rgb`` or ``bgr``.
        mean: subtracted from each channel, in that order, in grey levels.
    """

    def __init__(self, width: float, order: str, mean: tuple[float, float, float]) -> None:
        super().__init__()
        self.order, self.mean = order, mean
        into = round(FIRST * width)
        self.first = nn.Conv2d(3, into, 3, stride=2)
        self.depthwise, self.pointwise = nn.ModuleList(), nn.ModuleList()
        for number, channels in enumerate(CHANNELS, start=1):
            out = round(channels * width)
            halving = number in HALVING  # its border is behind alone
            self.depthwise.append(
                nn.Conv2d(into, into, 3, stride=1 + halving, padding=0 if halving else 1, groups=into)
            )
            self.pointwise.append(nn.Conv2d(into, out, 1))
            into = out
        self.requires_grad_(False).eval()

    @classmethod
    def of(cls, state: Mapping[str, Tensor], order: str, mean: tuple[float, float, float]) -> MobileNet:
        """The encoder with these weights, of whatever width.

        Raises:
            RuntimeError: a layer is missing or of another shape.
        """
        encoder = cls(len(state["first.bias"]) / FIRST, order, mean)
        encoder.load_state_dict(state)
        return encoder

    def statistics(self, pictures: np.ndarray) -> np.ndarray:
        """Mean and deviation over a clip's pictures of each read map's means, float64 ``[2 (512 + 1024 + 1024)]``.

        Args:
            pictures: uint8 ``[N, S, S, 3]`` RGB, at least one; another side is scaled to 224.
        """
        return statistics_of(pictures, self.look)

    @torch.inference_mode()
    def look(self, pictures: np.ndarray) -> np.ndarray:
        """Each read map's means float32 ``[N, 512 + 1024 + 1024]`` of pictures uint8 ``[N, 224, 224, 3]`` RGB."""
        seen: np.ndarray = self(torch.from_numpy(pictures)).numpy()
        return seen

    def forward(self, pictures: Tensor) -> Tensor:
        """The same of a tensor."""
        x = (pictures.flip(-1) if self.order == "bgr" else pictures).permute(0, 3, 1, 2)
        x = _relu6(self.first(_padded(x - torch.tensor(self.mean).reshape(3, 1, 1))))
        found = []
        for number, (depthwise, pointwise) in enumerate(zip(self.depthwise, self.pointwise, strict=True), start=1):
            x = _relu6(depthwise(_padded(x) if number in HALVING else x))
            x = _relu6(pointwise(x))
            if number in READ:
                found.append(x.mean(dim=(2, 3)))
        return torch.cat(found, dim=1)


def _padded(x: Tensor) -> Tensor:
    """TensorFlow's padding ``SAME`` of a kernel of three that halves an even side: its border is behind alone."""
    return functional.pad(x, (0, 1, 0, 1))


def _relu6(x: Tensor) -> Tensor:
    return x.clamp(0, 6)
