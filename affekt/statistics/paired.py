"""Is one set of answers better than another on the same clips: McNemar's test and a paired bootstrap over subjects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affekt.json_document import JsonDocument
from affekt.statistics.intervals import bootstrap as resample
from affekt.statistics.intervals import count_outcomes
from affekt.statistics.metrics import check_scores, predictions
from affekt.statistics.special import bdtr, ndtr, ndtri


@dataclass(frozen=True)
class Paired(JsonDocument):
    """How much more often ``b`` is right than ``a`` on the same clips, as :func:`compare_paired` found it.

    Attributes:
        clips, subjects: that were compared; 0 subjects where none is known.
        accuracy_a, accuracy_b: of the two.
        difference: b - a, a share of the clips.
        ci95: its interval at ``confidence``.
        only_a_right, only_b_right: clips that just one of the two gets right.
        mcnemar_p: exact, two-sided.
        probability_better: that b is ahead.
        interval_over: what the interval resamples, ``subjects`` or ``clips``.
    """

    clips: int
    subjects: int
    accuracy_a: float
    accuracy_b: float
    difference: float
    ci95: tuple[float, float]
    confidence: float
    only_a_right: int
    only_b_right: int
    mcnemar_p: float
    probability_better: float
    interval_over: str


def compare_paired(
    truth: np.ndarray | Sequence[int],
    a: np.ndarray,
    b: np.ndarray,
    subjects: Sequence[str] | None = None,
    *,
    bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Paired:
    """How much more often ``b`` is right than ``a`` on the same clips.

    The interval comes from resampling subjects (`affekt.statistics.intervals`). It is never narrower than the
    Agresti-Min interval of two paired shares and holds zero wherever McNemar's exact test does not reject at that
    confidence, so that a handful of clips cannot look decisive. ``probability_better`` is the share of resamples in
    which b is ahead (ties count half), or the normal approximation behind the Agresti-Min interval where that is less
    sure. A row of NaN (no answer) is wrong, and clips of unknown truth are left out.

    Args:
        truth: int ``[N]``, -1 where not known.
        a: the score vectors ``[N, L]`` to beat.
        b: the score vectors ``[N, L]`` that may be better.
        subjects: N names, ``""`` or None where not known.
        bootstrap: resamples.
        confidence: of the interval; the field is named ``ci95`` whatever it is, and ``confidence`` tells.
        seed: of the resampling.

    Raises:
        DataError: the shapes do not match, a score is no probability, or no clip has a known label.
    """
    names = [""] * np.asarray(a).shape[-1]  # their number is all that counts here
    known, first, people = check_scores(truth, a, names, subjects)
    _, second, _ = check_scores(truth, b, names, None)
    right_a = predictions(first) == known
    right_b = predictions(second) == known
    outcomes = right_b.astype(int) - right_a + 1  # 0: only a is right, 1: both or neither, 2: only b
    counts = count_outcomes(outcomes, people, 3)
    drawn = resample(
        counts, lambda c: (c[:, 2] - c[:, 0]) / c.sum(axis=1), draws=bootstrap, confidence=confidence, seed=seed
    )
    only_a, _, only_b = (int(value) for value in counts.sum(axis=0))
    centre, error = _agresti_min(only_a, only_b, len(known))
    reach = float(ndtri(1 - (1 - confidence) / 2)) * error
    low, high = drawn.interval(confidence)
    low, high = min(low, centre - reach), max(high, centre + reach)
    p_value = mcnemar_p(only_a, only_b)
    if p_value > 1 - confidence:
        low, high = min(low, 0.0), max(high, 0.0)
    ahead = float((drawn.values > 0).mean() + (drawn.values == 0).mean() / 2)
    ahead = (ahead * bootstrap + 0.5) / (bootstrap + 1)
    approximate = float(ndtr(centre / error))
    return Paired(
        clips=len(known),
        subjects=len({name for name in people if name}),
        accuracy_a=float(right_a.mean()),
        accuracy_b=float(right_b.mean()),
        difference=drawn.estimate,
        ci95=(max(-1.0, low), min(1.0, high)),
        confidence=confidence,
        only_a_right=only_a,
        only_b_right=only_b,
        mcnemar_p=p_value,
        probability_better=min(ahead, approximate, key=lambda value: abs(value - 0.5)),
        interval_over=drawn.over,
    )


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Exact two-sided p value of McNemar's test: are the clips that just one gets right split evenly?"""
    if only_a == only_b:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def _agresti_min(only_a: int, only_b: int, clips: int) -> tuple[float, float]:
    """Centre and standard error of the difference of paired shares, half a clip added to each of the four cells."""
    first, second, total = only_a + 0.5, only_b + 0.5, clips + 2
    centre = (second - first) / total
    return centre, math.sqrt(first + second - (second - first) ** 2 / total) / total
