"""Labels that a clip could not have had, since its data set has none of them, count nothing in a network's loss.

Where several data sets with other labels are learned from together, a clip says nothing about the labels that its own
does not have. Which it could have had travels in its target: the label's number, and 64 for each further set of labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.training.shuffled import MOST_LABELS


def packed(
    labels: Sequence[int], possible: Sequence[tuple[bool, ...] | None]
) -> tuple[list[int], tuple[tuple[bool, ...], ...]]:
    """Targets of items, and the sets of labels that these name; the labels alone and none where all are possible.

    Args:
        labels: the label's number of each of N items.
        possible: of each item the L labels that it could have had; None where all.
    """
    kinds = sorted({each for each in possible if each is not None})
    if not kinds:
        return list(labels), ()
    sets = ((True,) * len(kinds[0]), *kinds)
    numbers = [0 if each is None else 1 + kinds.index(each) for each in possible]
    return [label + MOST_LABELS * number for label, number in zip(labels, numbers, strict=True)], sets


class Masked:
    """Takes targets apart on their device.

    Args:
        sets: that :func:`packed` gave.
        device: of the targets.
    """

    def __init__(self, sets: Sequence[Sequence[bool]], device: torch.device) -> None:
        self._sets = torch.tensor(np.array(sets, dtype=bool), device=device) if sets else None

    def apart(self, targets: Tensor) -> tuple[Tensor, Tensor | None]:
        """The labels int64 ``[N]``, and which each item could have had, bool ``[N, L]``; None where all."""
        if self._sets is None:
            return targets, None
        return targets % MOST_LABELS, self._sets[targets // MOST_LABELS]


def shown(logits: Tensor, possible: Tensor | None) -> Tensor:
    """Logits ``[N, L]`` with minus infinity for labels that an item could not have had."""
    return logits if possible is None else logits.masked_fill(~possible, -torch.inf)


def loss_of(logits: Tensor, labels: Tensor, possible: Tensor | None, weight: Tensor | None, smoothing: float) -> Tensor:
    """The cross entropy ``[N]`` over the labels that each item could have had, as PyTorch's where these are all.

    Args:
        logits: ``[N, L]``.
        labels: int64 ``[N]``.
        possible: bool ``[N, L]``; None where all are.
        weight: ``[L]`` of labels, or None.
        smoothing: the share of a target that is spread evenly over these labels.
    """
    if possible is None:
        return F.cross_entropy(logits, labels, weight=weight, label_smoothing=smoothing, reduction="none")
    logs = F.log_softmax(shown(logits, possible), dim=1)
    weights = torch.ones_like(logs[0]) if weight is None else weight
    own = -weights[labels] * logs.gather(1, labels[:, None])[:, 0]
    even = -(weights * logs.masked_fill(~possible, 0.0)).sum(dim=1) / possible.sum(dim=1)
    return (1 - smoothing) * own + smoothing * even
