"""Who learns from what and who scores what, so that no model scores a clip that it learned from (paper.md, 4.4)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.counted import counted
from affekt.dataset import subject_folds
from affekt.dataset.same_people import people_of
from affekt.dataset.several import factor
from affekt.errors import DataError
from affekt.extensions import model_spec
from affekt.media.prepared import PreparedIndex, PreparedRow
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.training.given import Given

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fold:
    """One of the trainings of a member: that of a fold, or the final one.

    Attributes:
        name: for the progress line (``fold 1/3``, ``final``).
        key: for metrics and files (``fold1``, ``final``).
        learns: numbers of the rows that the model learns from.
        scores: numbers of the rows that it scores.
    """

    name: str
    key: str
    learns: np.ndarray
    scores: np.ndarray

    @property
    def final(self) -> bool:
        """Whether it learns from all train clips, and is the one that answers."""
        return self.key == "final"

    def folder(self, out: Path) -> Path:
        """Where this fold's model is kept below a member's folder."""
        return out if self.final else out / "folds" / self.key.removeprefix("fold")


def folds_of(given: Given, usable: np.ndarray | None = None) -> list[Fold]:
    """The trainings of a member: one for each fold of the train subjects, then the final one.

    The final model learns from all train clips and scores those of the other splits. A fold's model learns from the
    train clips of other subjects and scores the fold's: its scores are out-of-fold. With ``fusion.scores`` =
    ``held_out`` there is a single fold, and the train clips outside it get no score. Every member has the same folds,
    since they are made over all train clips, usable or not. A fold that leaves fewer than two labels to learn from is
    left out, and its clips get no score; with a single subject in the train split, or with no train clip at all, there
    are no folds.

    Args:
        given: what the member learns from.
        usable: bool ``[N]``, which rows can be learned from; by default those with what the member looks at. A clip
            without a label of ``given.labels`` is not learned from in any case.
    """
    index = given.index
    labelled = np.array([row.label in given.labels for row in index], dtype=bool)
    train = np.array([row.split == "train" for row in index], dtype=bool)
    others = sum(1 for row in index if row.label and row.label not in given.labels)
    if others:
        logger.warning(
            "not learned from, since their label is none of %s: %s", ", ".join(given.labels), counted(others, "clips")
        )
    learned = train & labelled & (has_what_is_needed(given.member, index) if usable is None else usable)
    masks = _held_out(index, train, given.settings)
    folds = []
    for number, held in enumerate(masks, start=1):
        learns = np.flatnonzero(learned & ~held)
        if len({index.rows[row].label for row in learns}) < 2:
            logger.warning(
                "fold %d leaves fewer than two labels to learn from: no score for %s",
                number,
                counted(int(held.sum()), "clips"),
            )
            continue
        folds.append(Fold(f"fold {number}/{len(masks)}", f"fold{number}", learns, np.flatnonzero(held)))
    folds.append(Fold("final", "final", np.flatnonzero(learned), np.flatnonzero(~train)))
    return folds


def has_what_is_needed(member: str, index: PreparedIndex) -> np.ndarray:
    """Bool ``[N]``: which clips have a face, usable sound or both, as the member's modalities ask for."""
    spec = model_spec(member)
    return np.array(
        [(row.frames_with_face > 0 or not spec.sees) and (row.voice or not spec.hears) for row in index], dtype=bool
    )


def _held_out(index: PreparedIndex, train: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """Bool masks ``[N]`` of the train rows that each fold holds out."""
    rows = np.flatnonzero(train)
    if not len(rows):
        return []
    held_out = settings.fusion.scores == "held_out"
    count = max(2, round(1 / settings.fusion.held_out_share)) if held_out else settings.fusion.folds
    subjects = _people([index.rows[row] for row in rows])
    try:
        masks = subject_folds(subjects, count, settings.seed, labels=[factor(index.rows[row]) for row in rows])
    except DataError as error:
        logger.warning("%s; no train clip gets a score, so a trained fusion cannot be fitted", error)
        return []
    result = []
    for mask in masks[:1] if held_out else masks:
        whole = np.zeros(len(index), dtype=bool)
        whole[rows[mask]] = True
        result.append(whole)
    return result


def _people(rows: Sequence[PreparedRow]) -> list[str]:
    """A name for each row: its subject, or one for all subjects of whom the same file is there.

    A copy under another subject's name, or in another data set, would be scored by a model that learned it.
    """
    own = [row.subject or f"\0{number}" for number, row in enumerate(rows)]  # \0 occurs in no subject's name
    people = people_of(own, [row.content for row in rows])
    if people != own:
        logger.info("no fold divides subjects of whom the same file is there; keep one of each file")
    return people


def require_two_labels(given: Given, folds: Sequence[Fold]) -> None:
    """Refuse to train where the final model would have nothing to tell apart.

    Raises:
        DataError: ``no_train_clips``: no train clip is of use to the member; ``too_few_labels``: they have one label.
    """
    (final,) = (fold for fold in folds if fold.final)
    labels = {given.index.rows[row].label for row in final.learns}
    if not labels:
        spec = model_spec(given.member)
        what = [name for name, asked in (("a face", spec.sees), ("usable sound", spec.hears)) if asked]
        raise DataError(
            f"{given.member} has nothing to learn from: no clip of the split 'train' has "
            f"{' and '.join(['a label', *what])}; check the splits and skipped.csv",
            code="no_train_clips",
        )
    if len(labels) < 2:
        raise DataError(
            f"{given.member}: all train clips that it can learn from are {labels.pop()!r}; two labels at least are "
            "needed",
            code="too_few_labels",
        )


def score_table(given: Given, scores: Mapping[int, np.ndarray | None]) -> ScoreTable:
    """The score table of a member from score vectors by row number; None (no answer) becomes a row of NaN.

    Rows that no model may score are left out.
    """
    labels = given.labels
    kept = sorted(scores)
    values = np.full((len(kept), 1, len(labels)), np.nan)
    for place, number in enumerate(kept):
        vector = scores[number]
        if vector is not None:
            values[place, 0] = vector
    rows = [given.index.rows[number] for number in kept]
    return ScoreTable(
        tuple(row.clip for row in rows),
        labels,
        (given.member,),
        values,
        np.array([labels.index(row.label) if row.label in labels else -1 for row in rows], dtype=int),
        tuple(row.subject for row in rows),
        tuple(row.split for row in rows),
    )


def accuracies(table: ScoreTable) -> dict[str, float]:
    """``<split>_accuracy``: the share of right answers among the clips that have a label and a score."""
    result = {}
    for split in sorted(set(table.splits)):
        part = table.split(split)
        known = part.available[:, 0] & (part.truth >= 0)
        if known.any():
            hits = part.scores[known, 0].argmax(axis=1) == part.truth[known]
            result[f"{split or 'unnamed'}_accuracy"] = float(hits.mean())
    return result
