"""What a gain in accuracy must not be bought with, and how much it takes to evaluate at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.counted import counted
from affekt.statistics.calibration import compare_calibration
from affekt.statistics.metrics import predictions
from affekt.statistics.paired import compare_paired

#: Differences of shares are exact to so much.
_EXACT = 1e-9


@dataclass(frozen=True)
class Both:
    """Champion and challenger on the same N clips over L labels, as the guards see them."""

    labels: tuple[str, ...]
    truth: np.ndarray
    subjects: tuple[str, ...]
    champion: np.ndarray
    challenger: np.ndarray
    champions_labels: tuple[str, ...]
    challengers_labels: tuple[str, ...]
    unit: str
    confidence: float
    bootstrap: int
    seed: int

    def recalls(self, scores: np.ndarray) -> dict[str, float]:
        """The recall of each label that the truth holds."""
        said = predictions(scores)
        return {
            label: float((said[self.truth == k] == k).mean())
            for k, label in enumerate(self.labels)
            if (self.truth == k).any()
        }


@dataclass(frozen=True)
class Guards:
    """The bounds; each is the setting of that name in the group ``gate``.

    Attributes:
        min_clips, min_subjects: with fewer that neither side learned from, nothing is decided.
        max_recall_fall: a label's recall may fall by so much, and by more only within noise.
        max_calibration_rise: the expected calibration error may rise by so much, and by more only within noise.
        allow_fewer_labels: whether the challenger may lack a label that the champion answers.
    """

    min_clips: int = 1
    min_subjects: int = 0
    max_recall_fall: float = 0.1
    max_calibration_rise: float = 0.1
    allow_fewer_labels: bool = False

    def too_few(self, truth: np.ndarray, subjects: Sequence[str], unit: str) -> list[str]:
        """Why these clips are too few to evaluate on, and what to do; nothing where they are enough."""
        people = len({name for name in subjects if name})
        if len(truth) >= self.min_clips and people >= self.min_subjects:
            return []
        return [
            f"There are {counted(len(truth), unit)} of {counted(people, 'known subjects')} left to evaluate on, and "
            f"the gate asks for {self.min_clips} of {self.min_subjects} (gate.min_clips, gate.min_subjects).",
            "It cannot be evaluated, so nothing is promoted. Keep people in the split test or val whom no model learns "
            "from and train again, or choose by hand: affekt models promote NAME/VERSION --reason WHY.",
        ]

    def broken(self, both: Both) -> list[str]:
        """A sentence for each bound that the challenger does not keep."""
        return [*self._labels(both), *_constant(both), *self._recalls(both), *self._calibration(both)]

    def _labels(self, both: Both) -> Iterator[str]:
        gone = [label for label in both.champions_labels if label not in both.challengers_labels]
        if gone and not self.allow_fewer_labels:
            yield (
                f"It cannot answer {', '.join(gone)}, which the champion can; if that is meant, set "
                "gate.allow_fewer_labels=true."
            )

    def _recalls(self, both: Both) -> Iterator[str]:
        before, after = both.recalls(both.champion), both.recalls(both.challenger)
        mean_before, mean_after = (float(np.mean(list(each.values()))) for each in (before, after))
        if mean_after < mean_before - _EXACT:
            yield (
                f"The mean of its labels' recalls is {mean_after:.1%}, the champion's {mean_before:.1%}: it is right "
                "more often on frequent labels alone."
            )
        said = set(predictions(both.challenger).tolist())
        # All labels are looked at, so each has its share of the chance to be wrong about one.
        confidence = 1 - (1 - both.confidence) / len(before)
        for label in before:
            k = both.labels.index(label)
            if before[label] and k not in said:
                yield f"It never answers {label}, on which the champion is right {before[label]:.1%} of the time."
                continue
            if before[label] - after[label] <= self.max_recall_fall + _EXACT:
                continue
            rows = both.truth == k
            fall = compare_paired(
                both.truth[rows], both.champion[rows], both.challenger[rows],
                [both.subjects[row] for row in np.flatnonzero(rows)],
                bootstrap=both.bootstrap, confidence=confidence, seed=both.seed,
            )  # fmt: skip
            if fall.ci95[1] < 0:
                yield (
                    f"Its recall of {label} falls from {before[label]:.1%} to {after[label]:.1%}, by more than the "
                    f"{100 * self.max_recall_fall:.1f} points of gate.max_recall_fall and beyond noise."
                )

    def _calibration(self, both: Both) -> Iterator[str]:
        rise, low, _ = compare_calibration(
            both.truth, both.champion, both.challenger, both.subjects,
            draws=both.bootstrap, confidence=both.confidence, seed=both.seed,
        )  # fmt: skip
        if rise > self.max_calibration_rise + _EXACT and low > 0:
            yield (
                f"Its calibration error is {100 * rise:.1f} points above the champion's, more than the "
                f"{100 * self.max_calibration_rise:.1f} of gate.max_calibration_rise and beyond noise."
            )


def _constant(both: Both) -> Iterator[str]:
    said = predictions(both.challenger)
    if len(set(said.tolist())) == 1 and len(set(both.truth.tolist())) > 1:
        yield f"It gives all {len(said)} {both.unit} the same answer."


#: The bounds where nothing else is said.
STANDARD = Guards()
