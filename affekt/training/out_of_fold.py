"""Who learns from what and who scores what, so that no model scores a clip that it learned from (paper.md, 4.4)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affekt.errors import DataError
from affekt.extensions import model_spec
from affekt.media.prepared import PreparedIndex, PreparedRow
from affekt.score_table import ScoreTable
from affekt.settings import Settings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One of the trainings of a member.

    Attributes:
        name: for the progress line (``fold 1/3``, ``final``).
        key: for metrics and files (``fold1``, ``final``).
        learns: numbers of the rows that the model learns from.
        scores: numbers of the rows that it scores.
        of_face: numbers of the rows that a model of the face alone learns from in this part.
    """

    name: str
    key: str
    learns: np.ndarray
    scores: np.ndarray
    of_face: np.ndarray

    def folder(self, out: Path) -> Path:
        """Where this part's model is kept below a member's folder."""
        return out if self.key == "final" else out / "folds" / self.key.removeprefix("fold")


def parts_of(index: PreparedIndex, settings: Settings, labels: Sequence[str], *, voice: bool = False) -> list[Part]:
    """The trainings of a visual member: one for each fold of the train subjects, then the final one.

    The final model learns from all train clips and scores those of the other splits. A fold's model learns from the
    train clips of other subjects and scores the fold's. With ``fusion.scores`` = ``held_out`` there is a single fold,
    and the train clips outside it get no score. Clips without a face or a label of ``labels`` are not learned from,
    and with ``voice`` those without usable sound neither.
    """
    train = np.array([row.split == "train" for row in index], dtype=bool)
    of_face = train & np.array([row.label in labels and row.frames_with_face > 0 for row in index], dtype=bool)
    usable = of_face & np.array([row.voice or not voice for row in index], dtype=bool)
    masks = _folds(index, train, settings) if train.any() else []
    parts = []
    for number, held in enumerate(masks, start=1):
        learns = np.flatnonzero(usable & ~held)
        if len({index.rows[row].label for row in learns}) < 2:
            logger.warning(
                "fold %d leaves fewer than two labels to learn from; its %d clips get no score", number, held.sum()
            )
            continue
        seen = np.flatnonzero(of_face & ~held)
        parts.append(Part(f"fold {number}/{len(masks)}", f"fold{number}", learns, np.flatnonzero(held), seen))
    parts.append(Part("final", "final", np.flatnonzero(usable), np.flatnonzero(~train), np.flatnonzero(of_face)))
    return parts


def _folds(index: PreparedIndex, train: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """Bool masks ``[N]`` of the train rows that each fold holds out, the same ones for every member."""
    from affekt.dataset import subject_folds

    rows = np.flatnonzero(train)
    held_out = settings.fusion.scores == "held_out"
    count = max(2, round(1 / settings.fusion.held_out_share)) if held_out else settings.fusion.folds
    subjects = [index.rows[row].subject for row in rows]
    try:
        masks = subject_folds(subjects, count, settings.seed, labels=[index.rows[row].label for row in rows])
    except DataError as error:
        logger.warning("%s; no train clip gets a score, so a trained fusion cannot be fitted", error)
        return []
    result = []
    for mask in masks[:1] if held_out else masks:
        whole = np.zeros(len(index), dtype=bool)
        whole[rows[mask]] = True
        result.append(whole)
    return result


def score_table(
    member: str, index: PreparedIndex, scores: Mapping[int, np.ndarray | None], labels: tuple[str, ...]
) -> ScoreTable:
    """The score table of one member from score vectors by row number; None (no face) becomes a row of NaN.

    Rows that no model may score are left out.
    """
    kept = sorted(scores)
    values = np.full((len(kept), 1, len(labels)), np.nan)
    for place, number in enumerate(kept):
        vector = scores[number]
        if vector is not None:
            values[place, 0] = vector
    rows: list[PreparedRow] = [index.rows[number] for number in kept]
    return ScoreTable(
        tuple(row.clip for row in rows),
        labels,
        (member,),
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


def nothing_to_learn(member: str) -> DataError:
    """What a member raises that no train clip is of use to."""
    what = "a label, a face and usable sound" if model_spec(member).hears else "both a label and a face"
    return DataError(
        f"{member} has nothing to learn from: no clip of the split 'train' has {what}; "
        "check the splits and skipped.csv",
        code="no_train_clips",
    )
