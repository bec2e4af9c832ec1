"""Any two models or fusions against each other on the same clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from affekt.evaluation.paired import compare_paired


def compare_all(
    truth: np.ndarray | Sequence[int],
    answers: Mapping[str, np.ndarray],
    subjects: Sequence[str] | None = None,
    *,
    bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Every pair of several sets of answers, compared once, as plain JSON values.

    Args:
        truth: int ``[N]``, -1 where not known.
        answers: score vectors ``[N, L]`` by name.
        subjects: N names, ``""`` or None where not known.
        bootstrap: resamples.
        confidence: of the intervals.
        seed: of the resampling.

    Returns:
        For each pair ``a`` and ``b`` (names, in the order of ``answers``) and what :func:`compare_paired` says of them.

    Raises:
        DataError: as :func:`compare_paired`.
    """
    how: dict[str, Any] = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    return [
        {"a": a, "b": b, **compare_paired(truth, answers[a], answers[b], subjects, **how)}
        for a, b in combinations(answers, 2)
    ]
