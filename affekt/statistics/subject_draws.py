"""Which subjects each resample of a bootstrap holds: drawn once, for every figure of the same number of subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

#: Entries that are drawn and multiplied at a time, and as how many at most the draws are kept for the next figure.
_BLOCK, _KEPT = 1 << 20, 1 << 26


def resample_subjects(table: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Sums of a table's rows, drawn with replacement, as many as there are.

    The draws follow from the number of rows, ``draws`` and ``seed`` alone, so that all figures of the same subjects
    rest on the same resamples. They are kept from one call to the next where they take at most 64 MiB.

    Args:
        table: ``[S, K]``, what is known of each subject, such as counts of outcomes.
        draws: number of resamples B.
        seed: makes the draws repeatable.

    Returns:
        Float64 ``[B, K]``; whole numbers remain whole.
    """
    subjects = len(table)
    blocks: Iterable[np.ndarray] = (
        _kept(subjects, draws, seed) if draws * subjects <= _KEPT else _drawn(subjects, draws, seed)
    )
    values = np.asarray(table, dtype=float)  # numpy multiplies whole numbers slowly
    return np.concatenate([times.astype(float) @ values for times in blocks])


@lru_cache(maxsize=1)
def _kept(subjects: int, draws: int, seed: int) -> tuple[np.ndarray, ...]:
    return tuple(_drawn(subjects, draws, seed))


def _drawn(subjects: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """How often each resample holds each subject, uint8 ``[b, S]`` for a few resamples at a time."""
    # A stream of its own: what a figure draws besides depends on its outcomes.
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    at_once = max(1, _BLOCK // subjects)
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        chosen = rng.integers(subjects, size=(count, subjects)) + subjects * np.arange(count)[:, None]
        times = np.bincount(chosen.ravel(), minlength=count * subjects)
        # More than 255 times the same one of so many has a probability below 1e-500.
        yield times.reshape(count, subjects).astype(np.uint8)
