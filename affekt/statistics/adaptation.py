"""How adaptation to a person grows with the clips of the person that are known: from 1, 2, 4, 8 and 16 of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.json_document import JsonDocument
from affekt.statistics.metrics import predictions
from affekt.statistics.special import ndtri, stdtrit
from affekt.statistics.subject_draws import resample_subjects

#: How many clips of a person are known together.
SIZES = (1, 2, 4, 8, 16)
#: How often the clips of a person are dealt out anew at most, and how many answers all of that may take.
_DEALS, _ANSWERS = 8, 6000

#: Answers ``[R, L]`` to rows of the table, int ``[R]``, those of one name adapted among each other.
Adapt = Callable[[np.ndarray, Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class CurvePoint(JsonDocument):
    """What is right when so many clips of a person are known together.

    Attributes:
        known: clips of a person that are adapted to each other; 1 is the plain answer.
        people: with so many clips or more, of whom the rest is told.
        clips: labelled ones of theirs.
        accuracy: the share of right answers, each clip dealt to others of the person at random, several times.
        plain: that of the plain answers to the same clips.
        gain_ci95: interval of the difference, over people; None of fewer than two.
    """

    known: int
    people: int
    clips: int
    accuracy: float
    plain: float
    gain_ci95: tuple[float, float] | None


@dataclass(frozen=True)
class AdaptationCurve(JsonDocument):
    """The points for all people, and each person's accuracy by the number of known clips."""

    points: tuple[CurvePoint, ...]
    by_subject: Mapping[str, Mapping[str, float]]


def adaptation_curve(
    truth: np.ndarray,
    subjects: Sequence[str],
    plain: np.ndarray,
    adapt: Adapt,
    *,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> AdaptationCurve | None:
    """Deal each person's clips out into groups of 2, 4, 8 and 16, adapt each group, and count right answers.

    Args:
        truth: int ``[N]``, -1 where not known; such clips are known clips of their person, and are not counted.
        subjects: N names, ``""`` where not known.
        plain: answers ``[N, L]`` to the clips as they are.
        adapt: gives the adapted answers.
        bootstrap: resamples of the intervals.
        confidence: of the intervals.
        seed: of the deals.

    Returns:
        None where no person has two clips and a labelled one among them.
    """
    people = _people(truth, subjects)
    if not people:
        return None
    rng = np.random.default_rng(seed)
    right = {1: (predictions(plain) == truth).astype(float)}
    deals = max(1, min(_DEALS, _ANSWERS // max(1, sum(map(len, people.values())) * (len(SIZES) - 1))))
    for size in SIZES[1:]:
        own = {name: rows for name, rows in people.items() if len(rows) >= size}
        if own:
            right[size] = _right(truth, own, size, adapt, deals, rng)
    points = [_point(truth, people, right, size, bootstrap, confidence, seed) for size in right]
    by_subject = {
        name: {
            str(size): float(hits[rows[truth[rows] >= 0]].mean()) for size, hits in right.items() if len(rows) >= size
        }
        for name, rows in people.items()
    }
    return AdaptationCurve(tuple(points), by_subject)


def _people(truth: np.ndarray, subjects: Sequence[str]) -> dict[str, np.ndarray]:
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(subjects):
        if name:
            rows.setdefault(name, []).append(row)
    return {
        name: np.array(own) for name, own in sorted(rows.items()) if len(own) > 1 and (truth[np.array(own)] >= 0).any()
    }


def _right(
    truth: np.ndarray,
    people: Mapping[str, np.ndarray],
    size: int,
    adapt: Adapt,
    deals: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Float ``[N]``: how often the answer to each clip is right; NaN of people with fewer clips."""
    asked, names, counts = [], [], []
    for name, rows in people.items():
        for deal in range(deals):
            order = rng.permutation(rows)
            for first in range(0, len(order), size):
                group = order[first : first + size]
                others = order[: size - len(group)]  # fill the last group; they had their answer
                asked += [*group, *others]
                names += [f"{name}\0{deal}\0{first}"] * size
                counts += [True] * len(group) + [False] * len(others)
    taken, counted = np.array(asked), np.array(counts)
    hits = predictions(adapt(taken, names)) == truth[taken]
    total, found = np.zeros(len(truth)), np.zeros(len(truth))
    np.add.at(total, taken[counted], 1)
    np.add.at(found, taken[counted], hits[counted])
    share: np.ndarray = np.where(total > 0, found / np.maximum(total, 1), np.nan)
    return share


def _point(
    truth: np.ndarray,
    people: Mapping[str, np.ndarray],
    right: Mapping[int, np.ndarray],
    size: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> CurvePoint:
    labelled = [rows[truth[rows] >= 0] for rows in people.values() if len(rows) >= size]
    table = np.array([[(right[size][rows] - right[1][rows]).sum(), len(rows)] for rows in labelled])
    every = np.concatenate(labelled)
    accuracy, plain = float(right[size][every].mean()), float(right[1][every].mean())
    interval = None
    if len(table) > 1:
        sums = resample_subjects(table, bootstrap, seed)
        gain, spread = accuracy - plain, sums[:, 0] / sums[:, 1]
        tail = (1 - confidence) / 2
        wider = math.sqrt(len(table) / (len(table) - 1)) * float(stdtrit(len(table) - 1, 1 - tail) / ndtri(1 - tail))
        low, high = np.quantile(gain + wider * (spread - gain), [tail, 1 - tail])
        interval = (min(gain, float(low)), max(gain, float(high)))
    return CurvePoint(size, len(table), len(every), accuracy, plain, interval)
