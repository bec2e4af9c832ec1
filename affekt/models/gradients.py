"""Whether a CPU gives the weights of 3-D convolutions their gradients in bfloat16, or what lay in memory before.

The kernel of oneDNN for processors with AVX512-BF16 and without AMX (``jit_bf16:avx512_core_bf16``, in PyTorch 2.13)
adds numbers that it has not written: a quarter of 2,150 shapes came out otherwise with other bytes in freed memory,
some infinite, some wrong by a factor of four. What it gives forwards and to the inputs does not depend on them, nor do
2-D convolutions.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

#: Channels, depth, side and clips of convolutions on small maps, where it was seen most often.
_SHAPES = (
    (8, 2, 2, 4), (16, 1, 3, 4), (32, 2, 4, 4), (64, 1, 4, 8), (64, 2, 3, 4), (64, 2, 3, 6), (64, 4, 6, 6),
    (128, 1, 3, 4), (128, 2, 3, 6), (128, 2, 4, 6),
)  # fmt: skip


@cache
def hold_in_bfloat16() -> bool:
    """Whether they are the same whatever lay in memory before; asked once a process, in a tenth of a second."""
    return all(torch.equal(*(_gradient(shape, value) for value in (float("inf"), 0.0))) for shape in _SHAPES)


def _gradient(shape: tuple[int, int, int, int], value: float) -> torch.Tensor:
    channels, depth, side, clips = shape
    layout = torch.channels_last_3d
    weights = torch.full((channels, channels, 3, 3, 3), 0.01).contiguous(memory_format=layout).requires_grad_()
    maps = torch.ones(clips, channels, depth, side, side).contiguous(memory_format=layout)
    with torch.enable_grad(), torch.autocast("cpu", torch.bfloat16):
        answer = nn.functional.conv3d(maps, weights, padding=1)
    _leave_in_memory(value)
    (found,) = torch.autograd.grad(answer.float().sum(), weights)
    return found


def _leave_in_memory(value: float) -> None:
    """Fill memory of many sizes, and free it."""
    sizes = [*(1 << power for power in range(5, 22)), *range(64, 40_000, 257)]
    filled = [torch.full((size,), value) for size in sizes]
    del filled
