"""Where two sets of answers differ: how much more often one is right than the other, by label and by subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.json_document import JsonDocument
from affekt.statistics.metrics import predictions
from affekt.statistics.paired import compare_paired

#: Of more subjects than this, those that move the whole most are kept.
MOST_SUBJECTS = 40


@dataclass(frozen=True)
class Difference(JsonDocument):
    """How much more often b is right than a on some clips: both shares, the difference, and its interval."""

    clips: int
    a: float
    b: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Differences(JsonDocument):
    """The difference by label and by subject.

    Attributes:
        by_label: for each label that the truth holds, the difference of its recall.
        by_subject: for each known subject, the difference of the accuracy; the interval is over the subject's clips.
        confidence: of the intervals of the parts.
        subjects: how many there are; of more than :data:`MOST_SUBJECTS` those that move the whole most are kept.
    """

    by_label: Mapping[str, Difference]
    by_subject: Mapping[str, Difference]
    confidence: float
    subjects: int


def differences(
    truth: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    labels: Sequence[str],
    subjects: Sequence[str],
    *,
    bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Differences:
    """How much more often ``b`` is right than ``a``, by label and by subject.

    Args:
        truth: int ``[N]``, all known.
        a, b: the score vectors ``[N, L]``; a row of NaN is no answer, and wrong.
        labels: L names.
        subjects: N names, ``""`` where not known.
        bootstrap: resamples.
        confidence: of the intervals.
        seed: of the resampling.
    """
    truth, people = np.asarray(truth), np.asarray(subjects, dtype=str)

    def of(rows: np.ndarray) -> Difference:
        found = compare_paired(
            truth[rows], a[rows], b[rows], list(people[rows]), bootstrap=bootstrap, confidence=confidence, seed=seed
        )
        return Difference(found.clips, found.accuracy_a, found.accuracy_b, found.difference, *found.ci95)

    present = [k for k in range(len(labels)) if (truth == k).any()]
    moved = (predictions(b) == truth).astype(int) - (predictions(a) == truth)
    names, group = np.unique(people, return_inverse=True)
    sums = np.abs(np.bincount(group, weights=moved, minlength=len(names)))
    known = sorted((-float(total), str(name)) for name, total in zip(names, sums, strict=True) if name)
    most = sorted(name for _, name in known[:MOST_SUBJECTS])
    return Differences(
        by_label={labels[k]: of(truth == k) for k in present},
        by_subject={name: of(people == name) for name in most},
        confidence=confidence,
        subjects=len(known),
    )
