"""The standard error of a mean over clips that belong to subjects, and the plainest answer that is not behind by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def standard_error_over_subjects(values: np.ndarray, subjects: Sequence[str]) -> float:
    """The standard error of the mean of values ``[N]`` of clips, whose subjects are drawn and not the clips.

    The linearised error of a ratio: that of the subjects' sums of deviations from the mean. A clip without a subject
    (``""``) is a subject of its own; of a single subject it is infinite.

    Args:
        values: of each clip, such as the difference of two answers that are right (1) or wrong (0).
        subjects: N names.
    """
    _, who = np.unique([name or f"\0{row}" for row, name in enumerate(subjects)], return_inverse=True)
    clips = np.bincount(who)
    if len(clips) < 2:
        return float("inf")
    spread = np.bincount(who, values) - clips * values.mean()
    return float(np.sqrt((spread**2).sum() * len(clips) / (len(clips) - 1)) / len(values))


def plainest(right: np.ndarray, subjects: Sequence[str], errors: float = 1.0) -> int:
    """The first of K answers that is no more than so many standard errors over subjects behind the best one.

    The error is that of the difference to the best one on the same clips.

    Args:
        right: bool ``[K, N]``, which clips each is right on, the plainest answer first.
        subjects: N names.
        errors: so many.
    """
    hits = right.astype(float)
    best = int(hits.mean(axis=1).argmax())
    for number in range(best):
        ahead = hits[best] - hits[number]
        if ahead.mean() <= errors * standard_error_over_subjects(ahead, subjects):
            return number
    return best
