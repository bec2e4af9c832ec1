"""Whether a model may be the first champion: better than chance, and so than any constant answer, beyond noise."""

from __future__ import annotations

import math

from affekt.counted import counted
from affekt.registry.decision import Decision
from affekt.registry.score_vectors import ScoreVectors
from affekt.registry.spending import Level
from affekt.statistics.metrics import evaluate_scores, predictions
from affekt.statistics.permutation import chance_of_recall

#: So many draws of the permutation test lie on average beyond the chance that is asked for.
_DRAWS_BELOW = 5


def beats_chance(challenger: ScoreVectors, level: Level, *, bootstrap: int, seed: int) -> Decision:
    """Whether the mean of the labels' recalls is above chance.

    By the lower end of the bootstrap over subjects, and by a permutation of the true labels: the one takes a person's
    clips as related, the other knows how few they are.

    Args:
        challenger: its answers to the clips that count.
        level: how sure it must be.
        bootstrap: resamples of the bootstrap, and at least of the permutation.
        seed: of both.
    """
    found = evaluate_scores(
        challenger.truth, challenger.probabilities, challenger.labels, challenger.subjects,
        bootstrap=bootstrap, confidence=level.confidence, seed=seed,
    )  # fmt: skip
    unit, clips = challenger.unit, found.clips
    over = unit if found.interval_over == "clips" else found.interval_over
    labels = sum(1 for count in found.support.values() if count)
    recall, (low, high) = found.unweighted_average_recall, found.unweighted_average_recall_ci95
    chance = 1 / labels
    draws = max(bootstrap, math.ceil(_DRAWS_BELOW / level.chance))
    p_value = chance_of_recall(challenger.truth, predictions(challenger.probabilities), draws=draws, seed=seed)
    hits = int(challenger.right.sum())
    better = labels > 1 and low > chance and p_value < level.chance
    reasons = [
        "There is no champion yet, so the challenger is held against chance and against always answering one label.",
        f"It is right on {hits} of {counted(clips, unit)} ({hits / clips:.1%}); {found.largest_class!r} alone is "
        f"{found.largest_class_share:.1%} of them.",
    ]
    if labels == 1:
        reasons.append(f"All {unit} are {found.largest_class!r}, so nothing can be said about the other labels.")
    else:
        reasons += [
            f"The mean of its {labels} labels' recalls is {recall:.1%}, where both would have {chance:.1%}; its "
            f"{100 * level.confidence:.4g}% interval (resampling {over}) goes from {low:.1%} to {high:.1%}.",
            f"So high a mean by chance has a probability of {_chance(p_value)}, which is "
            f"{'below' if p_value < level.chance else 'not below'} {_chance(level.chance)}.",
        ]
    reasons.append("The challenger becomes the first champion." if better else "The challenger is not promoted.")
    figures = {
        "accuracy_challenger": hits / clips,
        "balanced_accuracy_challenger": recall,
        "balanced_accuracy_low": low,
        "balanced_accuracy_high": high,
        "balanced_accuracy_by_chance": chance,
        "largest_class_share": found.largest_class_share,
        "p_value": p_value,
        "clips": clips,
        "confidence": level.confidence,
    }
    return Decision(better, reasons, figures)


def _chance(p_value: float) -> str:
    return f"{p_value:.2g}" if p_value >= 1e-4 else "less than 0.0001"
