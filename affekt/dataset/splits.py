"""Which clips train and which evaluate: splits and folds that never divide a subject."""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.dataset.clips import SPLITS, Clip, ClipTable
from affekt.dataset.problems import Problem, some
from affekt.dataset.several import DATASET
from affekt.errors import DataError

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)
_SEEDS = 100  # that are tried for one with which nobody has to stand in


def shared_subjects(clips: Iterable[Clip]) -> list[Problem]:
    """An error for every subject whose clips lie in more than one split."""
    places: dict[str, dict[str, list[Clip]]] = {}
    for clip in clips:
        if clip.subject and clip.split:
            places.setdefault(clip.subject, {}).setdefault(clip.split, []).append(clip)
    problems = []
    for subject, found in sorted(places.items()):
        if len(found) > 1:
            counts = " and ".join(
                f"{counted(len(found[split]), 'clips')} in {split}" for split in SPLITS if split in found
            )
            # The smaller part is more likely the one that is wrong.
            where = min(found.values(), key=len)[0].where
            message = f"subject {subject!r} has {counts}; a person must be in one split only"
            problems.append(Problem("subject_across_splits", where, message))
    return problems


def assign_splits(table: ClipTable, *, val_share: float, seed: int, allow_shared_subjects: bool = False) -> ClipTable:
    """Give every clip without a split one, ``train`` or ``val``, by whole subjects; named splits stay.

    A clip without a subject counts as a subject of its own. A subject that has a split in some of its clips keeps it
    in all. Of the others those go to ``val`` whose :func:`place` lies below ``val_share``, unless the source names a
    ``val`` split itself: a subject's split follows from its name and the seed alone, whoever else is there, so that no
    subject moves when data are added. Where nobody would be on one side, one subject stands in there until others
    come, which is logged; a subject that was learned from never becomes one to evaluate on, except where it stood in.
    Each of several data sets is divided by itself, as it would be alone.

    Raises:
        DataError: a subject is on both sides of a split (unless allowed), or there are too few subjects to divide.
    """
    names = dict.fromkeys(clip.attributes.get(DATASET, "") for clip in table)
    if len(names) > 1:
        alone = {
            name: iter(
                assign_splits(
                    ClipTable(tuple(clip for clip in table if clip.attributes.get(DATASET, "") == name)),
                    val_share=val_share,
                    seed=seed,
                    allow_shared_subjects=allow_shared_subjects,
                )
            )
            for name in names
        }
        return ClipTable(tuple(next(alone[clip.attributes.get(DATASET, "")]) for clip in table))
    shared = shared_subjects(table)
    if shared and not allow_shared_subjects:
        raise DataError(
            f"both sides of a split hold {counted(len(shared), 'subjects')}: "
            f"{some(problem.message for problem in shared)}; "
            "correct the split column, or set allow_shared_subjects=true and take the figures for too good",
            code="subject_across_splits",
            where=shared[0].where,
        )
    keys = [_key(clip) for clip in table]
    given: dict[str, str] = {}
    for key, clip in zip(keys, table, strict=True):
        if clip.split:
            given.setdefault(key, clip.split)
    free = [key for key in dict.fromkeys(keys) if key not in given]
    held_out: set[str] = set()
    if free and not any(clip.split == "val" for clip in table):
        held_out = _choose_validation(free, val_share, seed, alone="train" not in given.values())
    clips = []
    for key, clip in zip(keys, table, strict=True):
        split = clip.split or given.get(key) or ("val" if key in held_out else "train")
        clips.append(replace(clip, split=split))
    done = ClipTable(tuple(clips))
    if free:
        _tell(done, [clip for clip, before in zip(done, table, strict=True) if not before.split])
    return done


def check_sides(table: ClipTable) -> None:
    """Check that there are labelled clips to learn from and others to evaluate on.

    Raises:
        DataError: ``no_train`` or ``no_val``.
    """
    splits = {clip.split for clip in table if clip.label}
    if "train" not in splits:
        found = f"only in {', '.join(sorted(splits))}" if splits else "and none has a label"
        raise DataError(
            f"no labelled clip is in the split train, {found}; there is nothing to learn from", code="no_train"
        )
    if not splits & {"val", "test"}:
        raise DataError(
            "all labelled clips are in the split train, so none is left to evaluate on; name a split val or test for "
            "some of them, or no split at all to have one chosen",
            code="no_val",
        )


def place(key: str, seed: int) -> float:
    """Where a subject stands between 0 and 1: the first 64 bits of the SHA-256 of seed and name, as a fraction."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def below(keys: Iterable[str], share: float, seed: int) -> set[str]:
    """The keys whose place lies below the share."""
    return {key for key in keys if place(key, seed) < share}


def _key(clip: Clip) -> str:
    prefix = f"{clip.attributes[DATASET]}/" if DATASET in clip.attributes else ""
    own = clip.subject.removeprefix(prefix)  # by which its place is what it is without other data sets
    # A disk of a Mac spells accents otherwise (NFD), and \0 occurs in no subject's name.
    return unicodedata.normalize("NFC", own or f"\0{clip.id.removeprefix(prefix)}")


def _choose_validation(free: Sequence[str], share: float, seed: int, *, alone: bool) -> set[str]:
    """The keys for validation: those below the share, or the lowest where none is, without the highest where all are.

    ``alone`` says that nobody else is there to be learned from.
    """
    if alone and len(free) < 2:
        raise DataError(
            "needs at least two subjects to make a train and a val split; name the splits, or leave the subject blank "
            "where the clips are of different people",
            code="too_few_subjects",
        )
    held_out = below(free, share, seed)
    ordered = sorted(free, key=lambda key: (place(key, seed), key))
    if not held_out:
        _tell_stand_in(ordered[0], "val", free, share, seed)
        return {ordered[0]}
    if alone and len(held_out) == len(free):
        _tell_stand_in(ordered[-1], "train", free, share, seed)
        return held_out - {ordered[-1]}
    return held_out


def _tell_stand_in(key: str, split: str, free: Sequence[str], share: float, seed: int) -> None:
    name = key.removeprefix("\0")
    others = next((other for other in range(_SEEDS) if 0 < len(below(free, share, other)) < len(free)), None)
    hint = "" if others is None else f"choose seed={others}, with which nobody has to stand in, or "
    logger.warning(
        "by their names and seed=%d nobody of %d would be in %s (val_share=%g): %r stands in there, and may move when "
        "data are added; %sname the splits in a manifest to keep them",
        seed, len(free), split, share, name, hint,
    )  # fmt: skip


def _tell(done: ClipTable, assigned: Sequence[Clip]) -> None:
    """Log how the clips were divided, and what one side alone shows, so that it is not learned or not evaluated."""
    counts = Counter(clip.split for clip in assigned)
    people = len({_key(clip) for clip in assigned if clip.split == "val"})
    logger.info(
        "splits by subject: %s to train, %d to val (%s)",
        counted(counts["train"], "clips"), counts["val"], counted(people, "subjects"),
    )  # fmt: skip
    lacking = [label for label in done.labels if label not in done.select(split="train").labels]
    if lacking:
        logger.warning(
            "no clip of %s is left to learn from: all are of subjects outside of train; choose another seed, add "
            "clips of it, or name the splits in a manifest",
            ", ".join(lacking),
        )
    unseen = {clip.label for clip in done if clip.split in ("val", "test")}
    untold = [label for label in done.labels if label not in unseen]
    if untold:
        logger.warning(
            "no clip of %s is left to evaluate on: all are of subjects in train, and no figure says anything about it; "
            "choose another seed, add clips of it, or name the splits in a manifest",
            ", ".join(untold),
        )


def _groups(subjects: Sequence[str]) -> list[int]:
    """A number for each row; rows of one subject share it, and a row without a subject has its own."""
    numbers: dict[str, int] = {}
    return [
        numbers.setdefault(subject or f"\0{row}", len(numbers))  # \0 occurs in no subject's name
        for row, subject in enumerate(subjects)
    ]


def _label_counts(labels: Sequence[str], groups: Sequence[int]) -> np.ndarray:
    """How many rows of each label each group has, int ``[G, L]``, over the labels that occur."""
    import numpy as np  # heavy: numpy

    column = {label: number for number, label in enumerate(sorted(set(labels)))}
    counts = np.zeros((max(groups) + 1, len(column)), dtype=int)
    np.add.at(counts, (list(groups), [column[label] for label in labels]), 1)
    return counts


def subject_folds(
    subjects: Sequence[str], folds: int, seed: int, *, labels: Sequence[str] | None = None
) -> list[np.ndarray]:
    """Divide rows into folds so that no subject is in two of them.

    Args:
        subjects: the subject of each of N rows; ``""`` is a subject of its own.
        folds: how many; fewer come back where there are fewer subjects.
        seed: decides between divisions that are equally good.
        labels: of the rows; where given, every fold gets about the same share of each label.

    Returns:
        Boolean masks ``[N]`` of the rows that each fold holds out; every row is held out exactly once.

    Raises:
        DataError: there are not two subjects to divide, or ``folds`` is less than two.
    """
    groups = _groups(subjects)
    sizes = Counter(groups)
    folds = min(folds, len(sizes))
    if folds < 2:
        raise DataError(
            f"folds need two subjects at least; found {len(sizes)} in {counted(len(subjects), 'rows')}",
            code="too_few_subjects",
        )
    import numpy as np  # heavy: numpy

    counts = _label_counts(labels if labels is not None else [""] * len(groups), groups)
    total = np.maximum(counts.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(sizes))
    # Large groups first, the small ones even out what those leave.
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    load = np.zeros((folds, counts.shape[1]))
    chosen = np.empty(len(sizes), dtype=int)
    for group in order:
        # The growth of the sum of squared shares: least where the group's labels are still scarce. In an empty fold
        # it is as little as can be, so none stays empty.
        growth = ((2 * load + counts[group]) * counts[group] / total**2).sum(axis=1)
        ties = np.flatnonzero(growth <= growth.min() + 1e-12)
        fold = ties[np.argmin(load[ties].sum(axis=1))]
        load[fold] += counts[group]
        chosen[group] = fold
    fold_of_row = chosen[np.asarray(groups)]
    return [fold_of_row == fold for fold in range(folds)]
