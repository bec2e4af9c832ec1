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
from affekt.registry.guards import STANDARD, Both, Guards
from affekt.statistics.metrics import evaluate_scores, predictions
from affekt.statistics.paired import compare_paired
from affekt.statistics.permutation import chance_of_recall


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
        learned: bool ``[N]``, the rows that the ensemble learned from, by their content or their subject; None where
            it does not say what it learned from.
        own_labels: what the ensemble itself can answer; by default ``labels``.
    """

    clips: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: np.ndarray
    truth: np.ndarray
    subjects: tuple[str, ...]
    digest: str = ""
    unit: str = "clips"
    learned: np.ndarray | None = None
    own_labels: tuple[str, ...] = ()

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
        if self.learned is not None and len(self.learned) != count:
            raise ValueError(f"{counted(len(self.learned), 'marks')} of what was learned for {counted(count, 'clips')}")

    def rows(self, keep: np.ndarray) -> ScoreVectors:
        """The rows of a bool mask ``[N]``."""
        index = np.flatnonzero(keep)
        return replace(
            self,
            clips=tuple(self.clips[i] for i in index),
            probabilities=self.probabilities[index],
            truth=np.asarray(self.truth)[index],
            subjects=tuple(self.subjects[i] for i in index),
            learned=None if self.learned is None else self.learned[index],
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
    """What the gate says, why in sentences of which the last is the verdict, and the figures behind them.

    ``evaluated`` is false where nothing could be said for or against; nothing is promoted then.
    """

    promote: bool
    reasons: list[str]
    figures: Mapping[str, Any] = field(default_factory=dict)
    evaluated: bool = field(default=True, metadata={"key": "judged"})  # as in stored decisions

    def but(self, reason: str, **figures: Any) -> Decision:
        """The same with the verdict turned against the challenger, for a reason that was found afterwards."""
        told = [*self.reasons[:-1], f"{reason}: the challenger is not promoted."]
        return Decision(False, told, {**self.figures, **figures})

    def also(self, reason: str, **figures: Any) -> Decision:
        """The same with one more sentence, which does not change the verdict."""
        return replace(self, reasons=[*self.reasons, reason], figures={**self.figures, **figures})


def decide(
    challenger: ScoreVectors,
    champion: ScoreVectors | None,
    *,
    confidence: float = 0.9,
    margin: float = 0.0,
    bootstrap: int = 2000,
    seed: int = 0,
    guards: Guards = STANDARD,
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
        confidence: of the interval of the difference (two-sided), or of the test of a first champion (one-sided).
        margin: the gain in accuracy, as a share of the clips, that must be exceeded.
        bootstrap: resamples.
        seed: of the resampling.
        guards: what a gain must not be bought with, and how much is needed to evaluate at all.

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
    other = None if champion is None else _aligned(champion, challenger)
    unseen = ~(_learned(challenger) | _learned(other))
    told = _told(challenger, other, unseen)
    kept = challenger.rows(unseen)
    if missing := guards.too_few(kept.truth, kept.subjects, challenger.unit):
        figures = {"clips": len(kept.clips), "left_out": int((~unseen).sum())}
        return Decision(False, [*told, *missing], figures, evaluated=False)
    if other is None:
        found = _first(kept, confidence, **how)
    else:
        found = _paired(kept, other.rows(unseen), confidence, margin, guards, **how)
    figures = {**found.figures, "left_out": int((~unseen).sum())}
    return replace(found, reasons=[*found.reasons[:-1], *told, found.reasons[-1]], figures=figures)


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


def _first(challenger: ScoreVectors, confidence: float, *, bootstrap: int, seed: int) -> Decision:
    found = evaluate_scores(
        challenger.truth, challenger.probabilities, challenger.labels, challenger.subjects,
        bootstrap=bootstrap, confidence=confidence, seed=seed,
    )  # fmt: skip
    unit, clips = challenger.unit, found.clips
    over = unit if found.interval_over == "clips" else found.interval_over
    labels = sum(1 for count in found.support.values() if count)
    recall, (low, high) = found.unweighted_average_recall, found.unweighted_average_recall_ci95
    chance = 1 / labels
    p_value = chance_of_recall(challenger.truth, predictions(challenger.probabilities), draws=bootstrap, seed=seed)
    hits = int(challenger.right.sum())
    better = labels > 1 and low > chance and p_value < 1 - confidence
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
            f"{confidence:.0%} interval (resampling {over}) goes from {low:.1%} to {high:.1%}.",
            f"So high a mean by chance has a probability of {_chance(p_value)}, which is "
            f"{'below' if p_value < 1 - confidence else 'not below'} {1 - confidence:.3g}.",
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
        "confidence": confidence,
    }
    return Decision(better, reasons, figures)


def _paired(
    challenger: ScoreVectors,
    champion: ScoreVectors,
    confidence: float,
    margin: float,
    guards: Guards,
    *,
    bootstrap: int,
    seed: int,
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
    gained = bool(low > margin)
    needed = f"a gain of more than {_points(margin)}" if margin else "a gain"
    reasons = [
        f"On the same {counted(len(challenger.clips), unit)} the challenger is right on {challenger.right.mean():.1%} "
        f"and the champion on {champion.right.mean():.1%}.",
        f"The difference is {_points(found.difference)}; its {confidence:.0%} interval "
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
        "confidence": confidence,
        "margin": margin,
    }
    return Decision(gained and not broken, reasons, figures)


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
    learned = None if champion.learned is None else np.asarray(champion.learned)[rows]
    own = champion.own_labels or champion.labels
    return replace(challenger, probabilities=champion.probabilities[rows], learned=learned, own_labels=own)


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _chance(p_value: float) -> str:
    return f"{p_value:.2g}" if p_value >= 1e-4 else "less than 0.0001"
