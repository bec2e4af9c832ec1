"""The running mean of a network's weights over its steps, which often answers better than the last of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Average:
    """An exponential moving average of weights and statistics (Polyak and Juditsky 1992; Izmailov et al. 2018).

    Args:
        network: whose.
        kept: share of the mean that stays at a step; 0 for no mean at all.
    """

    def __init__(self, network: nn.Module, kept: float) -> None:
        self._network, self._kept = network, kept
        self.values: list[Tensor] = []

    def begin(self) -> None:
        """Start from the weights as they are, unless a checkpoint brought a mean."""
        if self._kept and not self.values:
            self.values = [tensor.detach().clone() for tensor in self._floats()]

    def load(self, values: list[Tensor]) -> None:
        """Go on from a checkpoint's mean."""
        self.values = [value.to(own.device) for value, own in zip(values, self._floats(), strict=True)]

    def update(self) -> None:
        """After a step of the optimiser."""
        if self._kept:
            with torch.no_grad():
                torch._foreach_lerp_(self.values, self._floats(), 1 - self._kept)

    def put(self) -> None:
        """Give the network the mean instead of its last weights."""
        if self._kept:
            with torch.no_grad():
                for own, value in zip(self._floats(), self.values, strict=True):
                    own.copy_(value)

    def _floats(self) -> list[Tensor]:
        return [tensor for tensor in self._network.state_dict().values() if tensor.dtype.is_floating_point]
