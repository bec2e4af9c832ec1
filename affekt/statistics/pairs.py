"""Several models and fusions on the same clips: any two against each other, and all of them by group of clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from affekt.json_document import FLAT, JsonDocument
from affekt.statistics.metrics import GroupFigures
from affekt.statistics.paired import Paired, compare_paired


@dataclass(frozen=True)
class Pair(JsonDocument):
    """The names of two sets of answers, and how much more often ``b`` is right than ``a``."""

    a: str
    b: str
    paired: Paired = field(metadata=FLAT)


def compare_all(
    truth: np.ndarray | Sequence[int],
    answers: Mapping[str, np.ndarray],
    subjects: Sequence[str] | None = None,
    *,
    bootstrap: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[Pair, ...]:
    """Every pair of several sets of answers, compared once, in the order of ``answers``.

    Args:
        truth: int ``[N]``, -1 where not known.
        answers: score vectors ``[N, L]`` by name.
        subjects: N names, ``""`` or None where not known.
        bootstrap: resamples.
        confidence: of the intervals.
        seed: of the resampling.

    Raises:
        DataError: as :func:`compare_paired`.
    """
    how: dict[str, Any] = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    return tuple(
        Pair(a, b, compare_paired(truth, answers[a], answers[b], subjects, **how)) for a, b in combinations(answers, 2)
    )


def add_accuracies(
    found: Mapping[str, GroupFigures], groups: Sequence[str], right: Mapping[str, np.ndarray]
) -> dict[str, GroupFigures]:
    """The groups with the accuracy of every model and fusion in each.

    Args:
        found: figures by group.
        groups: the group of each of N clips.
        right: bool ``[N]`` by name of the model or fusion.
    """
    names, group_of = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    clips = np.bincount(group_of)
    shares = {name: np.bincount(group_of, weights=hits) / clips for name, hits in right.items()}
    number_of = {str(name): number for number, name in enumerate(names)}
    return {
        group: replace(figures, accuracy_of={name: float(of[number_of[group]]) for name, of in shares.items()})
        for group, figures in found.items()
    }
