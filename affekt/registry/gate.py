"""The gate: may a challenger become the champion? Only on evidence from the same clips, beyond noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from affekt.errors import DataError
from affekt.registry.decision import Decision
from affekt.registry.detectable import Detectable, above_champion, above_chance
from affekt.registry.first_champion import beats_chance
from affekt.registry.guards import STANDARD, Guards
from affekt.registry.replacement import beats_champion
from affekt.registry.score_vectors import ScoreVectors, aligned
from affekt.registry.spending import Level
from affekt.statistics.differences import differences
from affekt.statistics.power import Design


def decide(
    challenger: ScoreVectors,
    champion: ScoreVectors | None,
    *,
    confidence: float = 0.9,
    margin: float = 0.0,
    bootstrap: int = 2000,
    seed: int = 0,
    guards: Guards = STANDARD,
    level: Callable[[], Level] | None = None,
    explain: bool = False,
) -> Decision:
    """Whether the challenger replaces the champion.

    Clips that either side learned from do not count; if too few are left, nothing is decided. Against a champion, both
    answer the same clips, and the lower bound of a paired bootstrap over subjects of the difference in accuracy must
    exceed ``margin``: with 383 clips the accuracies of two equal models differ by more than 2 points every other time,
    so a higher figure alone says little. A gain that breaks a guard (:mod:`affekt.registry.guards`) does not count.

    The first champion must beat chance, and with it any constant answer, in the mean of its labels' recalls: by the
    lower bound of a bootstrap over subjects, and by a permutation test, which knows how few the clips are.

    Args:
        challenger: the candidate's answers.
        champion: the present champion's answers for the same clips; None when there is none.
        confidence: of the intervals, two-sided: an end of one is wrong with a chance of half of what is missing to 1.
        margin: the gain in accuracy, as a share of the clips, that must be exceeded.
        bootstrap: resamples.
        seed: of the resampling.
        guards: what a gain must not be bought with, and how much is needed to evaluate at all.
        level: what the test may spend (:mod:`affekt.registry.spending`), in place of ``confidence``, which then holds
            for the guards alone. Asked only where something is tested, before the answers are compared.
        explain: whether the decision also says what it could have found (:mod:`affekt.registry.detectable`), and how
            the two differ by label and by subject.

    Raises:
        DataError: there is no clip, a label is not known, or the two sides hold different clips or labels or disagree
            about the truth.
    """
    if not challenger.clips:
        raise DataError("there is no labelled clip to decide by", code="no_clips")
    if (np.asarray(challenger.truth) < 0).any():
        raise DataError("the true label of a clip is not known; the gate takes labelled clips only", code="no_truth")
    if champion is not None and champion.digest and champion.digest == challenger.digest:
        return Decision(
            False,
            [f"The challenger is the champion itself (digest {champion.digest}), so there is nothing to compare."],
            {"accuracy_challenger": float(challenger.right.mean()), "clips": len(challenger.clips)},
        )
    how = {"bootstrap": bootstrap, "seed": seed}
    other = None if champion is None else aligned(champion, challenger)
    unseen = ~(_learned(challenger) | _learned(other))
    told = _told(challenger, other, unseen)
    kept = challenger.rows(unseen)
    if missing := guards.too_few(kept.truth, kept.subjects, challenger.unit):
        counts = {"clips": len(kept.clips), "left_out": int((~unseen).sum())}
        return Decision(False, [*told, *missing], counts, evaluated=False)
    asked = level() if level is not None else Level((1 - confidence) / 2)
    if other is None:
        found = beats_chance(kept, asked, **how)
    else:
        found = beats_champion(kept, other.rows(unseen), asked, margin, guards, confidence=confidence, **how)
    told += asked.told(first=other is None)
    figures: dict[str, Any] = {**found.figures, **asked.figures, "left_out": int((~unseen).sum())}
    if explain:
        could = _could_find(kept, None if other is None else other.rows(unseen), asked, margin, seed)
        told.append(could.told())
        figures["power"] = could.to_dict()
        if other is not None:
            figures["differences"] = differences(
                kept.truth, other.rows(unseen).probabilities, kept.probabilities, kept.labels, kept.subjects,
                confidence=confidence, bootstrap=bootstrap, seed=seed,
            ).to_dict()  # fmt: skip
    return replace(found, reasons=[*found.reasons[:-1], *told, found.reasons[-1]], figures=figures)


def _could_find(
    challenger: ScoreVectors, champion: ScoreVectors | None, level: Level, margin: float, seed: int
) -> Detectable:
    people, unit = challenger.subjects, challenger.unit
    if champion is None:
        labels = len(set(np.asarray(challenger.truth).tolist()))
        return above_chance(Design.of(people), people, labels, level, seed=seed, unit=unit)
    design = Design.of(people, champion.right, challenger.right)
    return above_champion(design, people, level, margin, seed=seed, unit=unit)


def _learned(side: ScoreVectors | None) -> np.ndarray:
    if side is None:
        return np.zeros((), dtype=bool)
    return np.zeros(len(side.clips), dtype=bool) if side.learned is None else np.asarray(side.learned, dtype=bool)


def _told(challenger: ScoreVectors, champion: ScoreVectors | None, unseen: np.ndarray) -> list[str]:
    """What was left out of the comparison, and what could not be."""
    told = []
    unit, total = challenger.unit, len(challenger.clips)
    if not unseen.all():
        by = f"{int(_learned(challenger).sum())} by the challenger"
        if champion is not None:
            by = f"{int(_learned(champion).sum())} by the champion, {by}"
        told.append(
            f"{int((~unseen).sum())} of {total} {unit} do not count: they or their subjects were learned ({by})."
        )
    if champion is not None and champion.learned is None:
        told.append(
            f"The champion was stored without a record of what it learned from, so {unit} that it knows may count "
            "in its favour."
        )
    return told
