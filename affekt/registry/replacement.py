"""Whether a challenger may replace the champion: a gain on the same clips beyond noise, and at no price."""

from __future__ import annotations

import numpy as np

from affekt.counted import counted
from affekt.registry.decision import Decision
from affekt.registry.guards import Both, Guards
from affekt.registry.score_vectors import ScoreVectors
from affekt.registry.spending import Level
from affekt.statistics.paired import compare_paired


def beats_champion(
    challenger: ScoreVectors,
    champion: ScoreVectors,
    level: Level,
    margin: float,
    guards: Guards,
    *,
    confidence: float,
    bootstrap: int,
    seed: int,
) -> Decision:
    """Whether the gain in accuracy exceeds the margin beyond noise and breaks no guard.

    Args:
        challenger, champion: the answers of both to the clips that count.
        level: how sure the gain must be.
        margin: the gain that must be exceeded.
        guards: what it must not be bought with.
        confidence: of the guards' intervals, two-sided.
        bootstrap: resamples over subjects.
        seed: of the resampling.
    """
    found = compare_paired(
        challenger.truth,
        champion.probabilities,
        challenger.probabilities,
        challenger.subjects,
        bootstrap=bootstrap,
        confidence=level.confidence,
        seed=seed,
    )
    low, high = found.ci95
    unit = challenger.unit
    over = unit if found.interval_over == "clips" else found.interval_over
    gained = bool(low > margin)
    needed = f"a gain of more than {_points(margin)}" if margin else "a gain"
    reasons = [
        f"On the same {counted(len(challenger.clips), unit)} the challenger is right on {challenger.right.mean():.1%} "
        f"and the champion on {champion.right.mean():.1%}.",
        f"The difference is {_points(found.difference)}; its {100 * level.confidence:.4g}% interval "
        f"(resampling {over}) goes from {_points(low)} to {_points(high)}.",
        f"Only the challenger is right on {counted(found.only_b_right, unit)}, only the champion on "
        f"{found.only_a_right}.",
    ]
    both = Both(
        challenger.labels, np.asarray(challenger.truth), challenger.subjects,
        champion.probabilities, challenger.probabilities,
        champion.own_labels or champion.labels, challenger.own_labels or challenger.labels,
        unit, confidence, bootstrap, seed,
    )  # fmt: skip
    broken = guards.broken(both) if gained else []
    if broken:
        reasons += [*broken, f"The whole interval shows {needed}, but not at such a price: the champion stays."]
    elif gained:
        reasons.append(f"The whole interval shows {needed}: the challenger becomes the champion.")
    elif high < 0:
        reasons.append("The whole interval shows a loss: the champion stays.")
    else:
        unsure = f"{needed[0].upper()}{needed[1:]} is not certain enough on these {unit}"
        reasons.append(f"{unsure}: the champion stays.")
    figures = {
        "accuracy_challenger": float(challenger.right.mean()),
        "accuracy_champion": float(champion.right.mean()),
        "difference": found.difference,
        "difference_low": low,
        "difference_high": high,
        "mcnemar_p": found.mcnemar_p,
        "clips": len(challenger.clips),
        "confidence": level.confidence,
        "margin": margin,
    }
    return Decision(gained and not broken, reasons, figures)


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"
