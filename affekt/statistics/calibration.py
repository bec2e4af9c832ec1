"""Is one set of answers worse calibrated than another on the same clips: their calibration errors, paired."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from affekt.statistics.metrics import predictions
from affekt.statistics.perfect_calibration import CALIBRATION_BINS, confidence_bins
from affekt.statistics.subject_draws import resample_subjects


def compare_calibration(
    truth: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    subjects: Sequence[str],
    *,
    draws: int,
    confidence: float,
    seed: int,
) -> tuple[float, float, float]:
    """How much larger the expected calibration error of ``b`` is than that of ``a``, with its interval.

    Both errors grow when clips are resampled, as bins get emptier; the difference hardly does. Resampled are subjects
    (a clip of unknown subject stands for itself), widened by ``sqrt(S / (S - 1))``.

    Args:
        truth: int ``[N]``, all known.
        a, b: probabilities ``[N, L]``; a row of NaN is no answer and is left out of that side.
        subjects: N names, ``""`` where not known.
        draws: resamples.
        confidence: of the interval.
        seed: of the resampling.

    Returns:
        Difference, lower and upper end; the interval always holds the difference.
    """
    people = [name or f"\0{row}" for row, name in enumerate(subjects)]
    distinct, group = np.unique(people, return_inverse=True)
    tables = [_table(truth, side, group, len(distinct)) for side in (a, b)]

    def difference(sums: np.ndarray) -> np.ndarray:
        first, second = (_error(side.reshape(len(side), CALIBRATION_BINS, 2)) for side in np.split(sums, 2, axis=1))
        rise: np.ndarray = second - first
        return rise

    count = len(distinct)
    both = np.concatenate([table.reshape(count, -1) for table in tables], axis=1)
    found = float(difference(both.sum(axis=0, keepdims=True))[0])
    widening = math.sqrt(count / (count - 1)) if count > 1 else 1.0
    spread = found + widening * (difference(resample_subjects(both, draws, seed)) - found)
    tail = (1 - confidence) / 2
    low, high = np.quantile(spread, [tail, 1 - tail])
    return found, min(found, float(low)), max(found, float(high))


def _table(truth: np.ndarray, scores: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Float ``[S, bins, 2]``: of each subject and bin of confidence, right answers less confidence, and answers."""
    table = np.zeros((groups, CALIBRATION_BINS, 2))
    answered = ~np.isnan(scores).any(axis=1)
    certainty = scores[answered].max(axis=1)
    right = predictions(scores[answered]) == np.asarray(truth)[answered]
    bins = confidence_bins(certainty)
    np.add.at(table[..., 0], (group[answered], bins), right - certainty)
    np.add.at(table[..., 1], (group[answered], bins), 1)
    return table


def _error(tables: np.ndarray) -> np.ndarray:
    """The expected calibration error of each of B tables ``[B, bins, 2]``; 0 without answers."""
    gaps, answers = np.abs(tables[..., 0]).sum(axis=1), tables[..., 1].sum(axis=1)
    error: np.ndarray = gaps / np.maximum(answers, 1)
    return error
