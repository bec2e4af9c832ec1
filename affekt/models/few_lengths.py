"""Lengths of sound from a small set: an engine makes code for each that it meets, which takes time and memory."""

from __future__ import annotations


def next_length(length: int, step: int) -> int:
    """The shortest length of the set that is not shorter: multiples of a step up to eight, then four an octave."""
    while 8 * step < length:
        step *= 2
    return -(-length // step) * step
