"""What calibration error answers of given confidences would show if those were exactly right: a bar to measure by.

The expected calibration error is an absolute value, and so is never zero on a few clips, however right the confidences
are. Of answers that are right with exactly the probability that they claim, each independently of the others, the
errors are simulated; one inside their band is no evidence of a fault.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affekt.json_document import JsonDocument

#: Equal-width bins of confidence for the calibration error.
CALIBRATION_BINS = 10
#: Simulated sets of answers, and answers that are simulated at a time.
_DRAWS, _BLOCK = 2000, 1 << 21


@dataclass(frozen=True)
class PerfectCalibration(JsonDocument):
    """The calibration error of answers that are exactly as sure as they are right.

    Attributes:
        expected: the mean of the simulated errors.
        band95: between which 95 of 100 of them lie.
    """

    expected: float
    band95: tuple[float, float]


def perfect_calibration(confidence: np.ndarray, *, seed: int = 0, draws: int = _DRAWS) -> PerfectCalibration:
    """Simulate whether each answer is right from what it claims, many times, and take the error of each.

    Args:
        confidence: float ``[N]`` of the answers, at least one.
        seed: of the simulation.
        draws: simulated sets of answers.
    """
    bins = confidence_bins(confidence)
    order = np.argsort(bins, kind="stable")
    certainty, starts = confidence[order], np.unique(bins[order], return_index=True)[1]
    claimed = np.add.reduceat(certainty, starts)
    rng = np.random.default_rng(seed)
    at_once = max(1, _BLOCK // len(certainty))
    errors = []
    for start in range(0, draws, at_once):
        right = rng.random((min(at_once, draws - start), len(certainty))) < certainty
        gaps = np.add.reduceat(right, starts, axis=1, dtype=float) - claimed
        errors.append(np.abs(gaps).sum(axis=1) / len(certainty))
    found = np.concatenate(errors)
    low, high = np.quantile(found, [0.025, 0.975])
    return PerfectCalibration(float(found.mean()), (float(low), float(high)))


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """Int ``[N]``: in which bin each confidence lies; one is in the last."""
    bins: np.ndarray = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return bins
