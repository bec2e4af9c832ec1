"""How loudness, pitch and timbre run through a clip: statistics of its frame-level descriptors, beside the functionals.

The functionals say much of means and spreads. What they leave out are the tails of each descriptor, whether it rises or
falls over the clip, how fast it moves, and how speech and pauses alternate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Descriptors of a frame (the 25 of eGeMAPSv02), the first of them that mean something in voiced frames alone, which is
#: the pitch and zero elsewhere; and the loudness.
DESCRIPTORS, PITCH, LOUDNESS = 25, 10, 0
#: Frames as loud as this share of the loud ones (their 95th percentile) are those of somebody who speaks.
_SPEAKS = 0.1
#: Fewer frames than this say nothing by themselves: all of the clip's are taken in their place.
_FEW = 5
_PERCENTILES = (5, 20, 50, 80, 95)
#: Seconds from one frame to the next.
_HOP = 0.01
#: What :func:`contours_of` tells of each descriptor, and of speech and pauses.
_STATISTICS = (
    "mean", "deviation", "percentile5", "percentile20", "percentile50", "percentile80", "percentile95", "range",
    "slope", "bend", "stepMean", "stepDeviation", "endLessBeginning", "middleLessMean",
)  # fmt: skip
_RHYTHM = (
    "seconds", "logSeconds", "voicedShare", "spokenShare", "voicedPerSecond", "voicedMean", "voicedDeviation",
    "voicedMaximum", "gapMean", "loudPerSecond",
)  # fmt: skip
#: How many numbers that is.
CONTOURS = len(_STATISTICS) * DESCRIPTORS + len(_RHYTHM)


def contour_names(descriptors: Sequence[str]) -> list[str]:
    """What :func:`contours_of` gives, by the names of the descriptors: ``Loudness_sma3.slope`` and the like."""
    groups = descriptors[:PITCH], descriptors[PITCH:]
    courses = [f"{name}.{statistic}" for group in groups for statistic in _STATISTICS for name in group]
    return [*courses, *(f"speech.{name}" for name in _RHYTHM)]


def contours_in(descriptors: np.ndarray) -> np.ndarray | None:
    """:func:`contours_of` the descriptors of a clip; None where there are none, or others than eGeMAPS'."""
    return contours_of(descriptors) if len(descriptors) and descriptors.shape[1] == DESCRIPTORS else None


def contours_of(descriptors: np.ndarray) -> np.ndarray:
    """Statistics of how descriptors run from the first frame in which somebody speaks to the last, float32 ``[360]``.

    Of each descriptor, over the frames in which somebody speaks or, from the pitch on, over the voiced ones: mean,
    deviation, five percentiles and the distance of the outer two, slope and bend over time, mean size and deviation of
    its steps from frame to frame, last less first third, middle third less the mean. Then the seconds and their
    logarithm, the shares of voiced and of spoken frames, voiced stretches a second, mean, deviation and maximum of
    their seconds, the mean gap between them, and loud moments a second.

    Args:
        descriptors: float ``[A, 25]``, a row each 0.01 s, at least one; never NaN.
    """
    rows = np.asarray(descriptors, dtype=np.float64)
    rows = _spoken(np.pad(rows, ((0, max(0, 3 - len(rows))), (0, 0)), mode="edge"))
    speaks = rows[:, LOUDNESS] >= _SPEAKS * np.percentile(rows[:, LOUDNESS], 95)
    voiced = rows[:, PITCH] > 0
    parts = [_courses(rows[:, :PITCH], speaks), _courses(rows[:, PITCH:], voiced), _rhythm(rows, speaks, voiced)]
    return np.concatenate(parts, dtype=np.float32)  # as stores keep them


def _spoken(rows: np.ndarray) -> np.ndarray:
    """From the first to the last frame in which somebody speaks; all where those are too few."""
    loud = np.flatnonzero(rows[:, LOUDNESS] >= _SPEAKS * np.percentile(rows[:, LOUDNESS], 95))
    part = rows[loud[0] : loud[-1] + 1]
    return part if len(part) >= _FEW else rows


def _courses(rows: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The 14 statistics of each column over the counted rows, ``[14 D]``."""
    if counted.sum() < _FEW:
        counted = np.ones(len(rows), dtype=bool)
    own = rows[counted]
    both = counted[1:] & counted[:-1]
    steps = np.diff(rows, axis=0)[both] if both.any() else np.diff(own, axis=0)
    time = np.linspace(-1, 1, len(own))
    bow = time**2 - (time**2).mean()
    mean = own.mean(axis=0)
    apart = own - mean
    low, lower, middle, upper, high = np.percentile(own, _PERCENTILES, axis=0)
    thirds = [part.mean(axis=0) for part in np.array_split(own, 3)]
    return np.concatenate(
        [
            mean, own.std(axis=0), low, lower, middle, upper, high, high - low,
            time @ apart / (time @ time), bow @ apart / (bow @ bow), np.abs(steps).mean(axis=0), steps.std(axis=0),
            thirds[2] - thirds[0], thirds[1] - mean,
        ]
    )  # fmt: skip


def _rhythm(rows: np.ndarray, speaks: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """The ten numbers of speech and pauses."""
    seconds = len(rows) * _HOP
    changes = np.diff(np.concatenate([[0], voiced.astype(int), [0]]))
    starts, ends = np.flatnonzero(changes > 0), np.flatnonzero(changes < 0)
    lengths = (ends - starts) * _HOP if len(starts) else np.zeros(1)
    gaps = (starts[1:] - ends[:-1]) * _HOP if len(starts) > 1 else np.zeros(1)
    loud = rows[:, LOUDNESS]
    inner = loud[1:-1]
    peaks = (inner > loud[:-2]) & (inner >= loud[2:]) & (inner > np.median(loud))
    return np.array(
        [
            seconds, np.log(seconds), voiced.mean(), speaks.mean(), len(starts) / seconds,
            lengths.mean(), lengths.std(), lengths.max(), gaps.mean(), peaks.sum() / seconds,
        ]
    )  # fmt: skip
