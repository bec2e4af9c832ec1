"""Figures of one set of score vectors against the truth: accuracy, recall, calibration, each with what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.errors import DataError
from affekt.json_document import LEFT_OUT, JsonDocument
from affekt.statistics.intervals import bootstrap as resample
from affekt.statistics.intervals import count_outcomes, wilson
from affekt.statistics.perfect_calibration import (
    CALIBRATION_BINS,
    PerfectCalibration,
    confidence_bins,
    perfect_calibration,
)
from affekt.statistics.special import bdtrc, ndtri


@dataclass(frozen=True)
class CalibrationBin(JsonDocument):
    """The answers whose confidence lies from ``low`` to ``high``: how many, their mean confidence, the share right."""

    low: float
    high: float
    clips: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Figures(JsonDocument):
    """The figures of one model's (or one fusion's) score vectors, as :func:`evaluate_scores` gives them.

    Attributes:
        clips: those of known label; ``subjects``: the people in them, 0 where none is known.
        answered, no_answer: clips with and without an answer; the latter count as wrong.
        accuracy: the share of right answers; ``accuracy_ci95`` its interval at ``confidence``.
        interval_over: what the interval resamples, ``subjects`` or ``clips``.
        unweighted_average_recall: the mean of the labels' recalls, with its interval.
        recall, precision, f1: of each label, None where there is nothing to divide by; ``macro_f1``: the mean of f1.
        support: clips of each label.
        confusion: counts, rows the true label, columns the answer; clips without an answer are in no column.
        largest_class, largest_class_share: the most frequent label, and the accuracy of always giving it.
        p_above_largest_class: one-sided exact binomial probability of so many hits at that rate.
        expected_calibration_error, mean_confidence: of the answers; None where there is none.
        reliability: the bins of confidence that hold answers.
        if_calibrated: the calibration error that answers of these confidences would show if they were exactly as often
            right as they claim; None where there is none, or in a document of an earlier version.
    """

    clips: int
    subjects: int
    answered: int
    no_answer: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    confidence: float
    interval_over: str
    unweighted_average_recall: float
    unweighted_average_recall_ci95: tuple[float, float]
    recall: Mapping[str, float | None]
    precision: Mapping[str, float | None]
    f1: Mapping[str, float | None]
    macro_f1: float
    support: Mapping[str, int]
    confusion: tuple[tuple[int, ...], ...]
    largest_class: str
    largest_class_share: float
    p_above_largest_class: float
    expected_calibration_error: float | None
    mean_confidence: float | None
    reliability: tuple[CalibrationBin, ...]
    if_calibrated: PerfectCalibration | None = field(default=None, metadata=LEFT_OUT)


@dataclass(frozen=True)
class GroupFigures(JsonDocument):
    """The accuracy of a group of clips, with its interval and what that resamples.

    ``accuracy_of`` is that of every model and fusion there, by name; empty where only one was asked about.
    """

    clips: int
    subjects: int
    accuracy: float
    accuracy_ci95: tuple[float, float]
    interval_over: str
    accuracy_of: Mapping[str, float] = field(default_factory=dict)


def evaluate_scores(
    truth: np.ndarray | Sequence[int],
    probabilities: np.ndarray,
    labels: Sequence[str],
    subjects: Sequence[str] | None = None,
    *,
    bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Figures:
    """All figures of one model's (or one fusion's) score vectors.

    A row of NaN is a clip without an answer: it counts as wrong in accuracy and recall, stands in no column of the
    confusion matrix, is left out of the calibration, and is reported under ``no_answer``. Clips whose truth is not
    known (-1) are left out. Labels that the truth never holds have a recall of ``None`` and are left out of the
    unweighted average recall and of macro F1.

    Args:
        truth: int ``[N]``, index into ``labels`` or -1.
        probabilities: ``[N, L]``, not negative; rows are scaled to a sum of one.
        labels: L names.
        subjects: N names, ``""`` or None where not known.
        bootstrap: resamples, over subjects where there are at least two (`affekt.statistics.intervals`).
        confidence: of the intervals. The keys are named ``…_ci95`` whatever it is; ``confidence`` tells.
        seed: of the resampling.

    Raises:
        DataError: the shapes do not match, a score is negative or infinite, or no clip has a known label.
    """
    truth, scores, names = check_scores(truth, probabilities, labels, subjects)
    size = len(labels)
    answered = ~np.isnan(scores[:, 0])
    predicted = predictions(scores)
    confusion_wide = np.zeros((size, size + 1), dtype=np.int64)
    np.add.at(confusion_wide, (truth, predicted), 1)
    confusion = confusion_wide[:, :size]
    support = confusion_wide.sum(axis=1)
    correct = predicted == truth
    counts = count_outcomes(truth * (size + 1) + predicted, names, size * (size + 1))
    accuracy, interval, over = _accuracy_of(correct, names, bootstrap, confidence, seed)
    recall = [_ratio(confusion[k, k], support[k]) for k in range(size)]
    precision = [_ratio(confusion[k, k], confusion[:, k].sum()) for k in range(size)]
    f1 = [_ratio(2 * confusion[k, k], support[k] + confusion[:, k].sum()) for k in range(size)]
    present = [k for k in range(size) if support[k]]
    top = int(support.argmax())
    error, certainty, bins = _calibration(scores[answered], correct[answered])
    return Figures(
        clips=len(truth),
        subjects=len({name for name in names if name}),
        answered=int(answered.sum()),
        no_answer=int((~answered).sum()),
        accuracy=accuracy,
        accuracy_ci95=interval,
        confidence=confidence,
        interval_over=over,
        unweighted_average_recall=_mean(recall[k] for k in present),
        unweighted_average_recall_ci95=_recall_interval(counts, support, size, bootstrap, confidence, seed),
        recall=dict(zip(labels, recall, strict=True)),
        precision=dict(zip(labels, precision, strict=True)),
        f1=dict(zip(labels, f1, strict=True)),
        macro_f1=_mean(f1[k] for k in present),
        support=dict(zip(labels, support.tolist(), strict=True)),
        confusion=tuple(map(tuple, confusion.tolist())),
        largest_class=labels[top],
        largest_class_share=int(support[top]) / len(truth),
        p_above_largest_class=p_above_share(int(correct.sum()), len(truth), int(support[top]) / len(truth)),
        expected_calibration_error=error,
        mean_confidence=certainty,
        reliability=bins,
        if_calibrated=perfect_calibration(scores[answered].max(axis=1), seed=seed) if answered.any() else None,
    )


def check_scores(
    truth: np.ndarray | Sequence[int], probabilities: np.ndarray, labels: Sequence[str], subjects: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """The rows whose label is known: truth ``[N]``, scores ``[N, L]`` scaled to a sum of one or all NaN, N subjects.

    Raises:
        DataError: see :func:`evaluate_scores`.
    """
    truth = np.asarray(truth, dtype=int)
    scores = np.asarray(probabilities, dtype=float)
    if truth.ndim != 1 or scores.shape != (len(truth), len(labels)):
        raise DataError(
            f"expected score vectors [{len(truth)}, {len(labels)}] for {counted(len(truth), 'clips')} and "
            f"{counted(len(labels), 'labels')}, found {list(scores.shape)}",
            code="wrong_shape",
        )
    names = [""] * len(truth) if subjects is None else list(subjects)
    if len(names) != len(truth):
        raise DataError(f"expected {counted(len(truth), 'subjects')}, found {len(names)}", code="wrong_shape")
    if truth.size and (truth.min() < -1 or truth.max() >= len(labels)):
        raise DataError(
            f"expected labels as numbers from 0 to {len(labels) - 1} (-1 for unknown), "
            f"found {int(truth.min())} to {int(truth.max())}",
            code="unknown_label",
        )
    keep = truth >= 0
    if not keep.any():
        raise DataError("no clip has a known label, so there is nothing to compare the answers with", code="no_truth")
    truth, scores = truth[keep], scores[keep]
    if np.isinf(scores).any() or (scores < 0).any():
        row = int(np.flatnonzero((np.isinf(scores) | (scores < 0)).any(axis=1))[0])
        raise DataError(
            f"expected probabilities, found {scores[row].tolist()} in labelled row {row}", code="not_probabilities"
        )
    sums = scores.sum(axis=1, keepdims=True)
    scores = np.where(np.isnan(sums) | (sums == 0), np.nan, scores / np.where(sums == 0, 1, sums))
    return truth, scores, names if keep.all() else [name for name, kept in zip(names, keep, strict=True) if kept]


def predictions(scores: np.ndarray) -> np.ndarray:
    """Int ``[N]``: the most probable label of each row ``[N, L]``, and L where there is no answer."""
    answered = ~np.isnan(scores).any(axis=1)
    chosen: np.ndarray = np.where(answered, np.where(answered[:, None], scores, 0).argmax(axis=1), scores.shape[1])
    return chosen


def largest_class_share(truth: np.ndarray | Sequence[int]) -> float:
    """The accuracy of always answering the most frequent label; rows of unknown label (-1) are left out.

    Raises:
        DataError: no label is known.
    """
    known = np.asarray(truth, dtype=int)
    known = known[known >= 0]
    if not known.size:
        raise DataError("no clip has a known label", code="no_truth")
    return int(np.bincount(known).max()) / len(known)


def p_above_share(correct: int, clips: int, share: float) -> float:
    """One-sided exact binomial probability of ``correct`` or more right answers of ``clips`` at a rate of ``share``."""
    return float(bdtrc(correct - 1, clips, share))


def accuracy_by(
    correct: np.ndarray,
    groups: Sequence[str],
    subjects: Sequence[str],
    *,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> dict[str, GroupFigures]:
    """Accuracy with its interval for each group of clips (a subject, a gender, a language), sorted by name.

    Clips whose group is not known (``""``) are left out.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(groups):
        if name:
            rows.setdefault(name, []).append(row)
    result = {}
    for name in sorted(rows):
        index = rows[name]
        people = [subjects[i] for i in index]
        accuracy, interval, over = _accuracy_of(correct[index], people, bootstrap, confidence, seed)
        result[name] = GroupFigures(len(index), len({person for person in people if person}), accuracy, interval, over)
    return result


def _accuracy_of(
    correct: np.ndarray, subjects: Sequence[str], draws: int, confidence: float, seed: int
) -> tuple[float, tuple[float, float], str]:
    counts = count_outcomes(np.asarray(correct, dtype=int), subjects, 2)
    drawn = resample(counts, lambda c: c[:, 1] / c.sum(axis=1), draws=draws, confidence=confidence, seed=seed)
    low, high = drawn.interval(confidence)
    # All right or all wrong leaves nothing to resample; Wilson's interval knows better.
    floor_low, floor_high = wilson(float(counts[:, 1].sum()), float(counts.sum()), confidence)
    return drawn.estimate, (max(0.0, min(low, floor_low)), min(1.0, max(high, floor_high))), drawn.over


def _recall_interval(
    counts: np.ndarray, support: np.ndarray, size: int, draws: int, confidence: float, seed: int
) -> tuple[float, float]:
    diagonal = [k * (size + 1) + k for k in range(size)]

    def average_recall(c: np.ndarray) -> np.ndarray:
        per_class = c.reshape(len(c), size, size + 1).sum(axis=2)
        there = per_class > 0
        recall = np.where(there, c[:, diagonal] / np.maximum(per_class, 1), 0)
        mean: np.ndarray = recall.sum(axis=1) / there.sum(axis=1)
        return mean

    drawn = resample(counts, average_recall, draws=draws, confidence=confidence, seed=seed)
    low, high = drawn.interval(confidence)
    # As for the accuracy: two right and two wrong answers are added to each class for the least width.
    present = support > 0
    trials = support[present] + 4
    shares = (counts.sum(axis=0)[diagonal][present] + 2) / trials
    half = float(ndtri(1 - (1 - confidence) / 2)) * math.sqrt((shares * (1 - shares) / trials).sum()) / len(shares)
    centre = float(shares.mean())
    return max(0.0, min(low, centre - half)), min(1.0, max(high, centre + half))


def _calibration(
    scores: np.ndarray, correct: np.ndarray
) -> tuple[float | None, float | None, tuple[CalibrationBin, ...]]:
    """The expected calibration error, the mean confidence, and the bins that hold answers."""
    if not len(scores):
        return None, None, ()
    certainty = scores.max(axis=1)
    bins = confidence_bins(certainty)
    error = 0.0
    table = []
    for number in range(CALIBRATION_BINS):
        inside = bins == number
        if inside.any():
            mean, right = float(certainty[inside].mean()), float(correct[inside].mean())
            error += abs(mean - right) * inside.mean()
            ends = number / CALIBRATION_BINS, (number + 1) / CALIBRATION_BINS
            table.append(CalibrationBin(*ends, int(inside.sum()), mean, right))
    return float(error), float(certainty.mean()), tuple(table)


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))
