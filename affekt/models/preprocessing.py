"""From stored pictures to the numbers a network takes: grey, channel order, mean and scale, kept with the model."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from affekt.models.crops import SIDES

if TYPE_CHECKING:  # heavy: torch, without which graphs answer
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Preprocessing:
    """How uint8 RGB pictures become a network's input; written into ``model.json``.

    Attributes:
        input_size: side of the network's input, pixels.
        crops: sides of the crops that training draws from, as shares of the stored picture's side (section 3.2: 224,
            192 and 168 of 256); the centre crop of the first is what is scored.
        grey: whether the network sees the luminance, repeated in its three channels. The paper's networks take
            "grayscale facial images" (section 3.2), and FER2013 has no colour, so colour would tell the two data sets
            apart rather than the emotions.
        order: ``rgb`` or ``bgr``, the order of the channels.
        mean: subtracted from each channel, in that order, in grey levels from 0 to 255.
        scale: multiplied with the difference.
        contrast: whether each picture is brought to a mean of zero and a deviation of one instead, so that the light
            in which a face was taken does not count.
    """

    input_size: int
    crops: tuple[float, ...] = SIDES
    grey: bool = True
    order: str = "rgb"
    mean: tuple[float, float, float] = (128.0, 128.0, 128.0)
    scale: float = 1 / 64
    contrast: bool = False

    @property
    def channels(self) -> int:
        """Channels of the uint8 pictures that :meth:`stored` returns: 1 for grey, else 3."""
        return 1 if self.grey else 3

    def stored(self, picture: np.ndarray) -> np.ndarray:
        """A picture uint8 ``[H, W, 3]`` RGB as uint8 ``[H, W, channels]``."""
        if self.grey:
            return cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY)[:, :, None]
        return picture

    def to_input(self, pixels: Tensor) -> Tensor:
        """Float32 ``[…, 3, H, W]`` of pixels ``[…, H, W, 1 or 3]`` (uint8, or float from 0 to 255).

        The result is a permuted view: the channels stay last in memory, which is what the convolutions want.
        """
        values = self._values(pixels, self.mean)
        return values.expand(*values.shape[:-1], 3).movedim(-1, -3)

    @property
    def one_channel(self) -> bool:
        """Whether the network's three channels are equal."""
        return self.grey and (self.contrast or len(set(self.mean)) == 1)

    def to_channels(self, pixels: Tensor) -> Tensor:
        """As :meth:`to_input`, but one channel where the three would be equal: ``[…, 1 or 3, H, W]``."""
        return self._values(pixels, self.mean[:1] if self.one_channel else self.mean).movedim(-1, -3)

    def _values(self, pixels: Tensor, means: tuple[float, ...]) -> Tensor:
        """Float32 ``[…, H, W, C]``: as many channels as the pixels have or, without ``contrast``, the means."""
        values = pixels.float()
        if self.grey and values.shape[-1] == 3:  # the weights of ITU-R BT.601, as cv2 takes them
            values = values @ _row((0.299, 0.587, 0.114), values.device, values.dtype).unsqueeze(1)
        if self.order == "bgr" and values.shape[-1] == 3:
            values = values.flip(-1)
        if not self.contrast:
            return (values - _row(means, values.device, values.dtype)) * self.scale
        import torch  # heavy: as above

        deviation, mean = torch.std_mean(values, dim=(-3, -2, -1), keepdim=True)
        return (values - mean) / (deviation + 1)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {**dataclasses.asdict(self), "mean": list(self.mean), "crops": list(self.crops)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """What :meth:`to_dict` wrote."""
        red, green, blue = values["mean"]
        crops = tuple(float(share) for share in values["crops"])
        return cls(**{**values, "mean": (float(red), float(green), float(blue)), "crops": crops})


@functools.lru_cache
def _row(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Numbers on the device, copied there once: a recorded iteration cannot copy them from elsewhere."""
    import torch  # heavy: as above

    return torch.tensor(values, device=device, dtype=dtype)
