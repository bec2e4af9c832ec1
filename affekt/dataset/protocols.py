"""Evaluation protocols: how a table of clips becomes folds, each evaluated on subjects that it never saw."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.dataset.clips import Clip, ClipTable
from affekt.dataset.problems import some
from affekt.dataset.splits import assign_splits, subject_folds
from affekt.errors import DataError, SettingsError

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

FIXED, THREE_SPLITS, LEAVE_ONE_SUBJECT_OUT, FOLDS = "fixed", "three_splits", "leave_one_subject_out", "folds"
#: What a protocol may be called, for messages.
PROTOCOLS: tuple[str, ...] = (FIXED, THREE_SPLITS, LEAVE_ONE_SUBJECT_OUT, f"{FOLDS}:K")
_FOLDS = re.compile(rf"{FOLDS}:([1-9]\d*)")


@dataclass(frozen=True)
class Fold:
    """One training of a protocol.

    Attributes:
        name: unique in its protocol, and readable (``split 1 of 3``, a subject's name).
        table: the labelled clips; those that are evaluated have the split ``reported``, those that are learned from
            ``train``. A further split takes part in neither.
        reported: the split that is evaluated, ``test`` or ``val``.
    """

    name: str
    table: ClipTable
    reported: str

    @property
    def held_out(self) -> tuple[str, ...]:
        """The subjects that are evaluated, sorted; without those that have no name."""
        return self.table.select(split=self.reported).subjects


def check_protocol(protocol: str) -> str:
    """The protocol's name as given.

    Raises:
        SettingsError: it is none of :data:`PROTOCOLS`.
    """
    found = _FOLDS.fullmatch(protocol)
    if protocol not in PROTOCOLS[:-1] and (found is None or int(found[1]) < 2):
        raise SettingsError([f"protocol: expected {', '.join(PROTOCOLS)} with K from 2 on; got {protocol!r}"])
    return protocol


def protocol_folds(table: ClipTable, protocol: str, *, seed: int, val_share: float) -> list[Fold]:
    """The folds of a protocol; :func:`affekt.dataset.refuse_leaks` checks them.

    - ``fixed``: one fold, with the splits that the clips name (made by :func:`assign_splits` where they name none);
      evaluated on ``test`` where it holds labelled clips, else on ``val``.
    - ``three_splits``: the subjects in three folds with about the same share of every label; each is held out once
      (paper.md, section 4.1, which averages over three splits and does not say how they were made).
    - ``leave_one_subject_out``: a fold for each subject.
    - ``folds:K``: as ``three_splits``, with K folds.

    All but ``fixed`` deal out all labelled clips, whatever split they name, so that each is held out exactly once; the
    held-out clips are ``test`` and all others ``train``. Nothing needs a ``val`` split: what is chosen from data (a
    penalty, a fusion's weights) is chosen within the train clips.

    Args:
        table: the clips; those without a label are left out.
        protocol: one of :data:`PROTOCOLS`.
        seed: decides between divisions that are equally good.
        val_share: of the subjects, for ``fixed`` where the clips name no split.

    Raises:
        SettingsError: there is no such protocol.
        DataError: there are too few subjects, or clips without one where a fold is a subject.
    """
    check_protocol(protocol)
    if protocol == FIXED:
        # Shared subjects are left to refuse_leaks, which names them, and which no setting silences.
        folds = [_fixed(assign_splits(table, val_share=val_share, seed=seed, allow_shared_subjects=True))]
    else:
        clips = [clip for clip in table if clip.label]
        if len(clips) < len(table):
            logger.warning("left out, since they have no label: %s", counted(len(table) - len(clips), "clips"))
        folds = [Fold(name, _divided(clips, mask), "test") for name, mask in _divisions(clips, protocol, seed).items()]
    for fold in folds:
        _check_train(fold, table.labels)
    return folds


def _fixed(table: ClipTable) -> Fold:
    for name in ("test", "val"):
        if any(clip.label for clip in table.select(split=name)):
            return Fold(FIXED, table, name)
    raise DataError("neither the split test nor val holds a labelled clip to evaluate on", code="no_val")


def _divisions(clips: Sequence[Clip], protocol: str, seed: int) -> dict[str, np.ndarray]:
    """Bool masks ``[N]`` of the clips that each fold holds out, by the fold's name."""
    subjects = [clip.subject for clip in clips]
    unknown = [clip for clip in clips if not clip.subject]
    if protocol == LEAVE_ONE_SUBJECT_OUT:
        if unknown:
            raise DataError(
                f"no subject is named for {len(unknown)} of {counted(len(clips), 'clips')} "
                f"({some(clip.id for clip in unknown)}); fill in "
                f"the subject column, or choose {FOLDS}:K, where each of them counts as a person of its own",
                code="no_subject",
                where=unknown[0].where or None,
            )
        names = sorted(set(subjects))
        import numpy as np  # heavy: numpy

        return {name: np.array([subject == name for subject in subjects]) for name in names}
    if unknown:
        logger.warning(
            "no subject is named for %d of %s: each counts as a person of its own, and the same one may be on both "
            "sides of a fold without anyone noticing",
            len(unknown),
            counted(len(clips), "clips"),
        )
    count = 3 if protocol == THREE_SPLITS else int(protocol.partition(":")[2])
    people = len({clip.subject for clip in clips if clip.subject}) + len(unknown)
    if people < count:
        raise DataError(
            f"{counted(count, 'folds')} need as many subjects; the clips show {people}", code="too_few_subjects"
        )
    masks = subject_folds(subjects, count, seed, labels=[clip.label for clip in clips])
    word = "split" if protocol == THREE_SPLITS else "fold"
    return {f"{word} {number} of {count}": mask for number, mask in enumerate(masks, start=1)}


def _divided(clips: Sequence[Clip], held: np.ndarray) -> ClipTable:
    return ClipTable(
        tuple(replace(clip, split="test" if out else "train") for clip, out in zip(clips, held, strict=True))
    )


def _check_train(fold: Fold, labels: Sequence[str]) -> None:
    """A fold has to leave two subjects to learn from: a fusion is fitted on scores of subjects that no model saw."""
    train = fold.table.select(split="train")
    people = len(train.subjects) + sum(not clip.subject for clip in train)
    if people < 2:
        left = "a single subject" if people else "nobody"
        raise DataError(
            f"the fold {fold.name!r} leaves {left} to learn from; at least two are needed, since a fusion is fitted on "
            "scores of subjects that the models did not see",
            code="too_few_subjects",
        )
    lacking = [label for label in labels if label not in train.labels]
    if lacking:
        logger.warning(
            "the fold %r leaves no clip of %s to learn from; it cannot answer so", fold.name, ", ".join(lacking)
        )
