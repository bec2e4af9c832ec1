"""The gate: may a challenger become the champion? Only on evidence from the same clips, beyond noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.dataset.problems import some
from affekt.errors import DataError
from affekt.json_document import JsonDocument
from affekt.statistics.paired import compare_paired


@dataclass(frozen=True)
class ScoreVectors:
    """What one ensemble answers for N clips over L labels.

    Attributes:
        clips: N clip ids, unique.
        labels: L label names.
        probabilities: float64 ``[N, L]``; a row of NaN is a clip without an answer, and counts as wrong.
        truth: int ``[N]``, the index of the true label in ``labels``.
        subjects: N subject names, ``""`` where not known.
        digest: of the ensemble that answered. Two sides of one digest are one model, and a model is never held against
            itself.
        unit: what a row is, for the reasons: ``clips`` or ``images``.
    """

    clips: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: np.ndarray
    truth: np.ndarray
    subjects: tuple[str, ...]
    digest: str = ""
    unit: str = "clips"

    def __post_init__(self) -> None:
        count = len(self.clips)
        if self.probabilities.shape != (count, len(self.labels)):
            raise ValueError(
                f"probabilities have shape {self.probabilities.shape}, expected {(count, len(self.labels))}"
            )
        if len(self.truth) != count or len(self.subjects) != count:
            raise ValueError(
                f"{counted(len(self.truth), 'truths')} and {counted(len(self.subjects), 'subjects')} for "
                f"{counted(count, 'clips')}"
            )

    @property
    def right(self) -> np.ndarray:
        """Bool ``[N]``: the most probable label is the true one."""
        answered = ~np.isnan(self.probabilities).any(axis=1)
        right = np.zeros(len(self.clips), dtype=bool)
        right[answered] = self.probabilities[answered].argmax(axis=1) == np.asarray(self.truth)[answered]
        return right


@dataclass(frozen=True)
class Decision(JsonDocument):
    """What the gate says, why in sentences, and the figures behind them."""

    promote: bool
    reasons: list[str]
    figures: Mapping[str, Any] = field(default_factory=dict)


def decide(
    challenger: ScoreVectors,
    champion: ScoreVectors | None,
    *,
    confidence: float = 0.9,
    margin: float = 0.0,
    bootstrap: int = 2000,
    seed: int = 0,
) -> Decision:
    """Whether the challenger replaces the champion.

    Against a champion, both answer the same clips, and the lower bound of a paired bootstrap over subjects of the
    difference in accuracy must exceed ``margin``: with 383 clips the accuracies of two equal models differ by more than
    2 points every other time, so a higher figure alone says little. The first champion must beat the answer "the most
    frequent label" beyond chance: the one-sided exact binomial test of its hits against that label's share.

    Args:
        challenger: the candidate's answers.
        champion: the present champion's answers for the same clips; None when there is none.
        confidence: of the interval of the difference (two-sided), or of the test of a first champion (one-sided).
        margin: the gain in accuracy, as a share of the clips, that must be exceeded.
        bootstrap: resamples.
        seed: of the resampling.

    Raises:
        DataError: there is no clip, a label is not known, or the two sides hold different clips or labels or disagree
            about the truth.
    """
    if not challenger.clips:
        raise DataError("there is no labelled clip to judge by", code="no_clips")
    if (np.asarray(challenger.truth) < 0).any():
        raise DataError("the true label of a clip is not known; the gate takes labelled clips only", code="no_truth")
    if champion is None:
        return _first(challenger, confidence)
    if champion.digest and champion.digest == challenger.digest:
        return Decision(
            False,
            [f"The challenger is the champion itself (digest {champion.digest}), so there is nothing to compare."],
            {"accuracy_challenger": float(challenger.right.mean()), "clips": len(challenger.clips)},
        )
    return _paired(challenger, _aligned(champion, challenger), confidence, margin, bootstrap, seed)


def _first(challenger: ScoreVectors, confidence: float) -> Decision:
    from scipy.stats import binomtest  # heavy: scipy

    hits, clips = int(challenger.right.sum()), len(challenger.clips)
    counts = np.bincount(np.asarray(challenger.truth))
    share, largest = float(counts.max() / clips), challenger.labels[int(counts.argmax())]
    p_value = float(binomtest(hits, clips, share, alternative="greater").pvalue)
    better = p_value < 1 - confidence  # with one label alone it is 1
    reasons = [
        "There is no champion yet, so the challenger is held against always answering the most frequent label.",
        f"It is right on {hits} of {counted(clips, challenger.unit)} ({hits / clips:.1%}); {largest!r} alone is "
        f"{share:.1%} of them.",
    ]
    if share == 1:
        reasons.append(f"All {challenger.unit} are {largest!r}, so nothing can be said about the other labels.")
    else:
        reasons.append(
            f"So many hits by chance have a probability of {_chance(p_value)}, which is "
            f"{'below' if better else 'not below'} {1 - confidence:.3g}."
        )
    reasons.append("The challenger becomes the first champion." if better else "The challenger is not promoted.")
    figures = {
        "accuracy_challenger": hits / clips,
        "largest_class_share": share,
        "p_value": p_value,
        "clips": clips,
        "confidence": confidence,
    }
    return Decision(better, reasons, figures)


def _paired(
    challenger: ScoreVectors, champion: ScoreVectors, confidence: float, margin: float, bootstrap: int, seed: int
) -> Decision:
    found = compare_paired(
        challenger.truth,
        champion.probabilities,
        challenger.probabilities,
        challenger.subjects,
        bootstrap=bootstrap,
        confidence=confidence,
        seed=seed,
    )
    low, high = found.ci95
    unit = challenger.unit
    over = unit if found.interval_over == "clips" else found.interval_over
    better = bool(low > margin)
    needed = f"a gain of more than {_points(margin)}" if margin else "a gain"
    reasons = [
        f"On the same {counted(len(challenger.clips), unit)} the challenger is right on {challenger.right.mean():.1%} "
        f"and the champion on {champion.right.mean():.1%}.",
        f"The difference is {_points(found.difference)}; its {confidence:.0%} interval "
        f"(resampling {over}) goes from {_points(low)} to {_points(high)}.",
        f"Only the challenger is right on {counted(found.only_b_right, unit)}, only the champion on "
        f"{found.only_a_right}.",
    ]
    if better:
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
        "confidence": confidence,
        "margin": margin,
    }
    return Decision(better, reasons, figures)


def _aligned(champion: ScoreVectors, challenger: ScoreVectors) -> ScoreVectors:
    """The champion's answers in the challenger's order of clips.

    Raises:
        DataError: the two are not answers for the same clips, labels and truths.
    """
    if champion.labels != challenger.labels:
        raise DataError(
            f"the champion answers {', '.join(champion.labels)} and the challenger {', '.join(challenger.labels)}",
            code="labels_differ",
        )
    position = {clip: row for row, clip in enumerate(champion.clips)}
    mine, theirs = set(challenger.clips), set(position)
    if mine != theirs or len(champion.clips) != len(challenger.clips):
        raise DataError(
            "the two sides must answer the same clips; "
            f"only the challenger: {some(sorted(mine - theirs), 3) or 'none'}; "
            f"only the champion: {some(sorted(theirs - mine), 3) or 'none'}",
            code="clips_differ",
        )
    rows = [position[clip] for clip in challenger.clips]
    wrong = np.flatnonzero(np.asarray(champion.truth)[rows] != np.asarray(challenger.truth))
    if len(wrong):
        raise DataError(
            "the two sides differ in its true label", code="truth_differs", where=challenger.clips[wrong[0]]
        )
    return replace(challenger, probabilities=champion.probabilities[rows])


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _chance(p_value: float) -> str:
    return f"{p_value:.2g}" if p_value >= 1e-4 else "less than 0.0001"
