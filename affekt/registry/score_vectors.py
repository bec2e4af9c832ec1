"""What ensembles answer for labelled clips, as the gate sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from affekt.counted import counted
from affekt.dataset.problems import some
from affekt.errors import DataError


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


def aligned(champion: ScoreVectors, challenger: ScoreVectors) -> ScoreVectors:
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
