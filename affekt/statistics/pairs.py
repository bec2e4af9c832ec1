"""Several models and fusions on the same clips: any two against each other, and all of them by group of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from affekt.statistics.paired import compare_paired


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


def add_accuracies(
    found: Mapping[str, dict[str, Any]], groups: Sequence[str], right: Mapping[str, np.ndarray]
) -> Mapping[str, dict[str, Any]]:
    """Tell the accuracy of every model and fusion in each group of clips.

    Args:
        found: figures by group; each gets ``accuracy_of`` (name: share of right answers).
        groups: the group of each of N clips.
        right: bool ``[N]`` by name.

    Returns:
        ``found``.
    """
    names = np.array(groups)
    for group, figures in found.items():
        inside = names == group
        figures["accuracy_of"] = {name: float(hits[inside].mean()) for name, hits in right.items()}
    return found
