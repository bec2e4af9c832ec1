"""A training batch, and what a training loop asks of where its batches come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What one iteration learns from.

    Attributes:
        inputs: uint8 pixels ``[N, T, H, W, C]``, or float features ``[N, T, F]``.
        targets: int64 ``[N]``, indices of labels, or more where some labels are not possible
            (:mod:`affekt.training.possible`).
        crops: int ``[N, 5]`` where the crops are still to be taken, on the device, or float ``[N, T, 5]`` where each
            of T frames is another crop of one picture; else None. Columns beyond the fifth: see
            :mod:`affekt.training.augmentation`.
        shares: float ``[N]``: each item is blended with the one before it, and this is its own share; None: it is not.
    """

    inputs: Tensor
    targets: Tensor
    crops: Tensor | None = None
    shares: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def tensors(self) -> list[Tensor]:
        """All that it consists of."""
        return [tensor for tensor in (self.inputs, self.targets, self.crops, self.shares) if tensor is not None]

    def part(self, first: int, count: int) -> Batch:
        """Items ``first`` to ``first + count``."""
        return self._each(lambda tensor: tensor[first : first + count])

    def pinned(self) -> Batch:
        """A copy in memory that an accelerator reads without waiting; what is on the accelerator stays there."""
        return self._each(lambda tensor: tensor if tensor.is_cuda else tensor.pin_memory())

    def on(self, device: torch.device) -> Batch:
        """A copy on the device; it may still be under way."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def cloned(self) -> Batch:
        """A copy of its own where it is."""
        return self._each(Tensor.clone)

    def fill(self, other: Batch) -> None:
        """Take another batch's values, in the memory of this one."""
        for mine, values in zip(self.tensors(), other.tensors(), strict=True):
            mine.copy_(values)

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        crops = None if self.crops is None else change(self.crops)
        shares = None if self.shares is None else change(self.shares)
        return Batch(change(self.inputs), change(self.targets), crops, shares)


class Batches(Protocol):
    """Where a training loop takes its batches from."""

    @property
    def identity(self) -> str:
        """A digest of the data and of the order in which it is drawn."""

    @property
    def label_shares(self) -> np.ndarray:
        """How often each label is drawn, as a share, by the label's index; zeros up to :data:`MOST_LABELS`."""

    @property
    def possible(self) -> Sequence[Sequence[bool]]:
        """The sets of labels that targets name (:mod:`affekt.training.possible`); none where all are possible."""

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        """The batch of an iteration, or the given items of it; called from other threads, some iterations ahead."""

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        """The float input of the network on its device."""


def identity_of(*facts: object) -> str:
    """A digest of the facts that decide what is drawn, and how."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()
