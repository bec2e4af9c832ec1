"""A 3-D convolution whose weights get a sound gradient in bfloat16 on processors that get it wrong in three dimensions.

There (:mod:`affekt.models.gradients`) the convolution forwards and the gradient of its inputs are computed as ever; the
gradient of the weights comes from convolutions of pictures, which are sound: the weights at one offset in time have
that of the planes they bring together, each with the plane so many frames after it. Each weight is summed in one
kernel and rounded once, as by the kernel in three dimensions, and on two cores it takes .7 to 1.3 of that one's time.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models import gradients


class Convolution3d(nn.Conv3d):
    """``nn.Conv3d`` with a stride of one and a border of half the kernel, which keeps frames, height and width."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """The maps ``[N, outputs, T, H, W]`` of ``[N, inputs, T, H, W]``."""
        return self.convolved(maps, self.weight)

    def convolved(self, maps: Tensor, weight: Tensor) -> Tensor:
        """The same by other weights ``[outputs, inputs, k, K, K]`` made of the layer's own."""
        border = tuple(side // 2 for side in weight.shape[2:])
        if self._by_planes(maps, weight):
            found: Tensor = _ByPlanes.apply(maps, weight, self.bias)  # type: ignore[no-untyped-call]  # torch has no types for it
            return found
        return F.conv3d(maps, weight, self.bias, padding=border)

    def _by_planes(self, maps: Tensor, weight: Tensor) -> bool:
        if maps.is_cuda or not (torch.is_grad_enabled() and weight.requires_grad):
            return False
        in_bfloat16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        # A compiler would take the trial itself for a part of the network.
        return in_bfloat16 and (torch.compiler.is_compiling() or not gradients.hold_in_bfloat16())


class _ByPlanes(torch.autograd.Function):
    """A convolution in bfloat16, whose weights have the gradient of its planes."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        maps, weight = maps.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(maps, weight)
        border = [side // 2 for side in weight.shape[2:]]
        return F.conv3d(maps, weight, None if bias is None else bias.bfloat16(), padding=border)

    @staticmethod
    def backward(ctx: Any, *gradients_: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (gradient,) = gradients_
        maps, weight = ctx.saved_tensors
        of_maps = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_maps = _backward(gradient, maps, weight, (True, False, False))[0]
        if ctx.needs_input_grad[1]:
            of_weight = _of_planes(gradient, maps, weight).float()
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3, 4), dtype=torch.float32)
        return of_maps, of_weight, of_bias


def _of_planes(gradient: Tensor, maps: Tensor, weight: Tensor) -> Tensor:
    """The gradient of the weights, from the one of the convolved maps."""
    frames, deep = maps.shape[2], weight.shape[2]
    found = torch.zeros_like(weight)
    for place in range(deep):
        later = place - deep // 2  # frames by which the maps' plane is after that of the convolved maps
        if abs(later) >= frames:
            continue
        own = _planes(gradient[:, :, max(0, -later) : frames - max(0, later)])
        met = _planes(maps[:, :, max(0, later) : frames - max(0, -later)])
        plane = weight[:, :, place].contiguous(memory_format=torch.channels_last)
        found[:, :, place] = _backward(own, met, plane, (False, True, False))[1]
    return found


def _planes(maps: Tensor) -> Tensor:
    """``[N · T, C, H, W]`` of ``[N, C, T, H, W]``, channels last in memory."""
    last = maps.contiguous(memory_format=torch.channels_last_3d)
    return last.transpose(1, 2).flatten(0, 1)


def _backward(gradient: Tensor, maps: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]) -> list[Tensor]:
    """The gradients of a convolution's inputs, weights and bias, as far as they are wanted."""
    spatial = weight.shape[2:]
    return list(
        torch.ops.aten.convolution_backward(
            gradient, maps, weight, None, [1] * len(spatial), [side // 2 for side in spatial], [1] * len(spatial),
            False, [0] * len(spatial), 1, list(wanted),
        )
    )  # fmt: skip
