"""Lengths of sound from a small set: an engine makes code for each that it meets, which takes time and memory."""

from __future__ import annotations

import numpy as np


def next_length(length: int, step: int) -> int:
    """The shortest length of the set that is not shorter: multiples of a step up to eight, then four an octave."""
    while 8 * step < length:
        step *= 2
    return -(-length // step) * step


def lengthened(arrays: np.ndarray, step: int) -> np.ndarray:
    """Arrays ``[N, T, …]``, followed by zeros up to the next length of the set."""
    count = arrays.shape[1]
    behind = [(0, 0)] * arrays.ndim
    behind[1] = (0, next_length(count, step) - count)
    return np.pad(arrays, behind)
