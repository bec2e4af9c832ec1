"""Batches of fc6 activations in time for the Bi-LSTM and the joint network, by seed, stage and iteration."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from affekt.training.batches import Batch, identity_of
from affekt.training.possible import packed
from affekt.training.shuffled import Shuffled

#: Bytes of fc6 activations up to which an accelerator holds them all, so that a batch is no more than their numbers.
_HELD_AT_ONCE = 8 << 30


class SequenceBatches:
    """Sequences of fc6 activations for the Bi-LSTM, with jitter in time and mirrored faces.

    Args:
        features: float32 ``[N, V, T, F]``; V views of each clip: as it is and, where there are two, mirrored.
        labels: the label of each clip.
        possible: of each clip the labels that it could have had, bool ``[L]``, None for all; all by default.
    """

    #: The shortest stretch of a clip that a training sequence is taken from, as a share of the clip.
    SHORTEST = 0.7

    def __init__(
        self,
        features: np.ndarray,
        labels: Sequence[int],
        keys: Sequence[str],
        *,
        stage: str,
        seed: int,
        batch_size: int,
        balanced: bool,
        on_device: bool = False,
        possible: Sequence[tuple[bool, ...] | None] = (),
    ) -> None:
        self._seed = [seed, zlib.crc32(stage.encode())]
        targets, self.possible = packed(labels, possible or [None] * len(labels))
        self._features, self._targets, self._size = features, np.asarray(targets), batch_size
        self._held: Tensor | None = None
        self._on_device = on_device and features.nbytes <= _HELD_AT_ONCE
        self._order = Shuffled(labels, [*self._seed, 1], balanced=balanced)
        self.label_shares = self._order.label_shares
        weights = hashlib.sha256(features[:, :, 0].tobytes()).hexdigest()
        drawn = list(zip(keys, targets, strict=True))
        self.identity = identity_of(stage, seed, batch_size, balanced, drawn, weights, *filter(None, [self.possible]))

    def load(self, iteration: int, items: Sequence[int] | None = None) -> Batch:
        rng = np.random.default_rng([*self._seed, iteration])
        chosen = self._order.take(iteration * self._size, self._size)
        views, steps = self._features.shape[1:3]
        rows = np.empty((self._size, steps), np.int64)
        for number, item in enumerate(chosen):
            length = rng.uniform(self.SHORTEST, 1) * steps
            first = rng.uniform(0, steps - length)
            times = (first + (np.arange(steps) + 0.5) * length / steps).astype(int)
            rows[number] = (item * views + rng.integers(views)) * steps + times.clip(0, steps - 1)
        kept = slice(None) if items is None else items
        targets = torch.from_numpy(self._targets[chosen[kept]])
        if self._on_device:
            return Batch(torch.from_numpy(rows[kept]), targets)
        return Batch(torch.from_numpy(self._flat[rows[kept]]), targets)

    def finish(self, batch: Batch, device: torch.device) -> Tensor:
        if not self._on_device:
            return batch.inputs.to(device, non_blocking=True)
        if self._held is None:
            self._held = torch.from_numpy(self._flat).to(device)
        return self._held[batch.inputs.to(device, non_blocking=True)]

    @property
    def _flat(self) -> np.ndarray:
        return self._features.reshape(-1, self._features.shape[-1])
