"""Which clips train and which judge: splits and folds that never divide a subject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from affekt.dataset.clips import SPLITS, Clip, ClipTable
from affekt.dataset.problems import Problem, some
from affekt.errors import DataError

_DRAWS = 300  # random choices of validation subjects, of which the best balanced one is taken


def shared_subjects(clips: Iterable[Clip]) -> list[Problem]:
    """An error for every subject whose clips lie in more than one split."""
    places: dict[str, dict[str, list[Clip]]] = {}
    for clip in clips:
        if clip.subject and clip.split:
            places.setdefault(clip.subject, {}).setdefault(clip.split, []).append(clip)
    problems = []
    for subject, found in sorted(places.items()):
        if len(found) > 1:
            counts = " and ".join(f"{len(found[split])} clips in {split}" for split in SPLITS if split in found)
            # The smaller part is more likely the one that is wrong.
            where = min(found.values(), key=len)[0].where
            message = f"subject {subject!r} has {counts}; a person must be in one split only"
            problems.append(Problem("subject_across_splits", where, message))
    return problems


def assign_splits(table: ClipTable, *, val_share: float, seed: int, allow_shared_subjects: bool = False) -> ClipTable:
    """Give every clip without a split one, ``train`` or ``val``, by whole subjects; named splits stay.

    A clip without a subject counts as a subject of its own. A subject that has a split in some of its clips keeps it
    in all. Of the others ``val_share`` (at least one) go to ``val``, chosen so that the labels are in both parts
    alike, unless the source names a ``val`` split itself. The same table and seed give the same splits.

    Raises:
        DataError: a subject is on both sides of a split (unless allowed), or there are too few subjects to divide.
    """
    shared = shared_subjects(table)
    if shared and not allow_shared_subjects:
        raise DataError(
            f"{len(shared)} subjects are on both sides of a split: {some(problem.message for problem in shared)}; "
            "correct the split column, or set allow_shared_subjects=true and take the figures for too good",
            code="subject_across_splits",
            where=shared[0].where,
        )
    groups = _groups([clip.subject for clip in table])
    given: dict[int, str] = {}
    for group, clip in zip(groups, table, strict=True):
        if clip.split:
            given.setdefault(group, clip.split)
    free = sorted(set(groups) - set(given))
    held_out: set[int] = set()
    if free and not any(clip.split == "val" for clip in table):
        held_out = _choose_validation(table, groups, free, val_share, seed, alone="train" not in given.values())
    clips = []
    for group, clip in zip(groups, table, strict=True):
        split = clip.split or given.get(group) or ("val" if group in held_out else "train")
        clips.append(replace(clip, split=split))
    return ClipTable(tuple(clips))


def _groups(subjects: Sequence[str]) -> list[int]:
    """A number for each row; rows of one subject share it, and a row without a subject has its own."""
    numbers: dict[str, int] = {}
    return [
        numbers.setdefault(subject or f"\0{row}", len(numbers))  # \0 occurs in no subject's name
        for row, subject in enumerate(subjects)
    ]


def _choose_validation(
    table: ClipTable, groups: Sequence[int], free: Sequence[int], share: float, seed: int, *, alone: bool
) -> set[int]:
    """The groups for validation: of many random choices the one whose share of every label is closest to ``share``."""
    if alone and len(free) < 2:
        raise DataError(
            "needs at least two subjects to make a train and a val split; name the splits, or leave the subject blank "
            "where the clips are of different people",
            code="too_few_subjects",
        )
    counts = _label_counts([clip.label for clip in table], groups)[list(free)]
    take = min(max(1, round(share * len(free))), max(1, len(free) - alone))
    total = np.maximum(counts.sum(axis=0), 1)
    random = np.random.default_rng(seed)
    best: tuple[float, np.ndarray] | None = None
    for _ in range(_DRAWS):
        drawn = random.permutation(len(free))[:take]
        part = counts[drawn].sum(axis=0) / total
        # A label that one side lacks altogether weighs more than any unevenness.
        cost = float(((part - share) ** 2).sum() + 10 * (part >= 1).sum() + (part <= 0).sum())
        if best is None or cost < best[0]:
            best = (cost, drawn)
    assert best is not None
    return {free[number] for number in best[1]}


def _label_counts(labels: Sequence[str], groups: Sequence[int]) -> np.ndarray:
    """How many rows of each label each group has, int ``[G, L]``, over the labels that occur."""
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
            f"folds need two subjects at least; found {len(sizes)} in {len(subjects)} rows", code="too_few_subjects"
        )
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
