"""The order in which items are drawn: each once a round, and any stretch of it to be had directly."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

#: More labels than any set of emotions has.
MOST_LABELS = 64


class Shuffled:
    """An endless sequence over items, each once a round in a new order; any stretch of it can be had directly.

    Args:
        labels: the label of each item.
        seed: numbers that name the sequence.
        balanced: whether the labels take turns, so that each is as frequent as any other.
    """

    def __init__(self, labels: Sequence[int], seed: Sequence[int], *, balanced: bool = False) -> None:
        marks = np.asarray(labels)
        if len(marks) == 0:
            raise ValueError("there is nothing to draw from")
        self._seed = list(seed)
        groups = [np.flatnonzero(marks == mark) for mark in np.unique(marks)]
        self._groups = groups if balanced else [np.arange(len(marks))]
        self._order = functools.lru_cache(maxsize=4 * len(self._groups))(self._order_of)
        counts = np.bincount(marks, minlength=MOST_LABELS)
        counts = (counts > 0).astype(int) if balanced else counts
        #: How often each label is drawn.
        self.label_shares = counts / counts.sum()

    def _order_of(self, group: int, turn: int) -> np.ndarray:
        return np.random.default_rng([*self._seed, group, turn]).permutation(self._groups[group])

    def take(self, first: int, count: int) -> np.ndarray:
        """Items ``first`` to ``first + count`` of the sequence, as their numbers."""
        if len(self._groups) == 1:
            return self._in_rounds(first, count)
        chosen = []
        for position in range(first, first + count):
            place, group = divmod(position, len(self._groups))
            turn, offset = divmod(place, len(self._groups[group]))
            chosen.append(self._order(group, turn)[offset])
        return np.array(chosen, dtype=int)

    def _in_rounds(self, first: int, count: int) -> np.ndarray:
        """The same where there is one group: stretches of rounds, one after the other."""
        size, parts, left = len(self._groups[0]), [], count
        turn, offset = divmod(first, size)
        while left:
            part = self._order(0, turn)[offset : offset + left]
            parts.append(part)
            turn, offset, left = turn + 1, 0, left - len(part)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=int)
