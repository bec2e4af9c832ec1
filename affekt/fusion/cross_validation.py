"""Fused answers by fusions of other rows: of the train rows, or of the other folds of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.dataset import subject_folds
from affekt.errors import DataError
from affekt.fusion.fusion import Fusion
from affekt.fusion.person import PersonFusion
from affekt.score_table import ScoreTable


def fold_masks(table: ScoreTable, folds: int, seed: int) -> list[np.ndarray]:
    """Masks ``[N]`` of the rows that each fold of subjects holds out; none without labelled rows of two subjects.

    Unlabelled rows are in no mask.
    """
    known = np.flatnonzero(table.truth >= 0)
    subjects = [table.subjects[i] for i in known]
    if len(known) < 2 or (len(set(subjects)) < 2 and subjects[0]):
        return []
    masks = subject_folds(subjects, folds, seed, labels=[table.labels[table.truth[i]] for i in known])
    result = []
    for mask in masks:
        held = np.zeros(len(table), dtype=bool)
        held[known[mask]] = True
        result.append(held)
    return result


def labels_of_one_fold(table: ScoreTable, folds: Sequence[np.ndarray]) -> list[str]:
    """A sentence on the rows of which no other fold has the label, as where a person shows one emotion alone.

    Fusions that are fitted on the other folds never learned it.

    Args:
        table: the score table.
        folds: as :func:`fold_masks` gives them.
    """
    alone: set[int] = set()
    rows = 0
    for held in folds:
        missing = set(table.truth[held].tolist()) - set(table.truth[~held].tolist())
        rows += int(np.isin(table.truth[held], list(missing)).sum())
        alone |= missing
    if not rows:
        return []
    names = ", ".join(table.labels[number] for number in sorted(alone))
    return [
        f"{counted(rows, 'rows')} of {names} {'has' if rows == 1 else 'have'} no row of that label among the subjects "
        "of other folds: what is fitted on those cannot answer it, so that its figures are too low; more subjects who "
        "show it are needed"
    ]


def labels_not_learned(train: ScoreTable, test: ScoreTable, names: tuple[str, str]) -> list[str]:
    """A sentence on the rows to be fused of whose label there is no row to fit on.

    Args:
        train: the rows that are fitted on.
        test: those that are fused.
        names: of the two splits.
    """
    missing = sorted(set(test.truth[test.truth >= 0].tolist()) - set(train.truth.tolist()))
    if not len(train) or not missing:
        return []
    rows = int(np.isin(test.truth, missing).sum())
    labels = ", ".join(test.labels[number] for number in missing)
    return [
        f"{names[0]} has no row of {labels}: what is fitted on it cannot answer {counted(rows, 'rows')} of {names[1]}, "
        "so that its figures are too low"
    ]


def cross_validated(
    table: ScoreTable,
    divisions: Sequence[Sequence[np.ndarray]],
    method: str,
    how: Mapping[str, Any],
    weights: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Fused vectors ``[N, L]``: each row's by fusions fitted on the other folds, averaged over the divisions."""
    total = np.zeros((len(table), len(table.labels)))
    unlabelled = table.truth < 0
    for folds in divisions:
        for held in folds:
            total[held] += fused_rows(table.rows(~held), table, held, method, weights=weights, **how)[0]
    result = total / len(divisions)
    if unlabelled.any():
        result[unlabelled] = fused_rows(table, table, unlabelled, method, weights=weights, **how)[0]
    return result


def unseen_answers(table: ScoreTable, method: str, folds: int, seed: int, how: Mapping[str, Any]) -> np.ndarray | None:
    """Fused vectors ``[N, L]`` of labelled rows, each by a fusion of other subjects; None without two subjects."""
    labels = [table.labels[number] for number in table.truth]
    try:
        divided = subject_folds(table.subjects, folds, seed, labels=labels)
    except DataError:  # one subject
        return None
    fused = np.full((len(table), len(table.labels)), np.nan)
    for held in divided:
        fused[held] = Fusion.fit(table.rows(~held), method, **how).predict(table.scores[held])
    return fused


def fused_rows(
    train: ScoreTable, test: ScoreTable, rows: np.ndarray | None, method: str, *, adapt: bool, **how: Any
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The fused vectors of some test rows (all where None) by a fusion fitted on the train rows, and its notes."""
    if adapt:
        person = PersonFusion.fit(train, method, **how)
        return person.predict(test.scores, test.subjects, rows, known=test.person), _told(person.person)
    fusion = Fusion.fit(train, method, **how)
    return fusion.predict(test.scores if rows is None else test.scores[rows]), _told(fusion)


def _told(fusion: Fusion) -> tuple[str, ...]:
    """What is to be said of a fitted fusion: what was selected, and what could not be fitted."""
    return (*filter(None, [fusion.selected]), *fusion.notes)
