"""Every fusion method on one score table, fitted and evaluated on clips that are kept apart (``affekt fuse``)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affekt.counted import counted
from affekt.dataset.similar_subjects import similar_names
from affekt.errors import DataError
from affekt.extensions import fusion_spec, fusions_for
from affekt.fusion.cross_validation import (
    cross_validated,
    fold_masks,
    fused_rows,
    labels_not_learned,
    labels_of_one_fold,
)
from affekt.fusion.figures import (
    accuracy_of,
    below_the_best_model,
    best_method,
    evaluated,
    member_accuracies,
    rightly,
)
from affekt.fusion.overfitting import overfitted
from affekt.fusion.rows import (
    Rows,
    choose_rows,
    fused_together,
    models_of_one_part,
    rows_left_out,
    unlike_probabilities,
    without_copies,
)
from affekt.progress import Progress
from affekt.score_table import ScoreTable

logger = logging.getLogger(__name__)

#: How often a cross-validation whose answers are reported is repeated with other folds; the answers are averaged.
_REPEATS = 3


@dataclass(frozen=True)
class FusedTable:
    """What :func:`fuse_table` found.

    Attributes:
        report: plain values for JSON; see :func:`fuse_table`.
        table: the N rows that were fused.
        vectors: float64 ``[N, L]`` of each method; NaN in a row where no model has an answer.
    """

    report: dict[str, Any]
    table: ScoreTable
    vectors: dict[str, np.ndarray]


def fuse_table(
    table: ScoreTable,
    *,
    methods: Sequence[str] | None = None,
    train_split: str | None = None,
    test_split: str | None = None,
    models: Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    folds: int = 5,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    adapt: bool = False,
    bootstrap: int = 2000,
    confidence: float = 0.95,
) -> FusedTable:
    """Fuse the test rows of a score table by every method asked for, and evaluate the methods where labels are known.

    How a method that needs labelled rows (the fitted ones, and weighted rules without given weights) gets them:

    1. It is fitted on the labelled rows of the train split, if there is one besides the test split.
    2. If there is none, or if a model's scores on it look over-fitted (the model is right far more often there than on
       the test split, so that it was probably scored on its own training clips), it is cross-validated in the test
       split: the rows of each fold of subjects are fused by fusions fitted on the other folds (the mean of three
       divisions into folds, but one division for a method that selects). The report warns.
    3. If the test split has no labels either, the method is refused where it was named, and otherwise left out.

    ``best`` is the method with the highest accuracy in cross-validation grouped by subject on the train rows, so that
    the test rows have no say in it; where a method that selects by evidence is behind by no more than a standard error
    over subjects, it is that one. Where there are no usable train rows it is the method that selects by evidence
    within the other folds, or else the one with the highest accuracy on the test rows, which flatters it; ``best_by``
    says which.

    A clip that several rows are of, under paths that end alike and with the same scores, counts once.

    Args:
        table: the score table; raw votes are welcome, a row of zeros is a model without an answer.
        methods: names of installed methods; where not given all, but those that there are too many rows for.
        train_split: the split to fit on; ``train`` where not given and present.
        test_split: the split to fuse; where not given ``test``, else ``val``, else all rows outside the train split.
        models: the models to fuse; all where not given.
        weights: of weighted rules, by model.
        folds: of subjects, for every cross-validation.
        seed: of everything random.
        settings: of the fitted methods by name; those of the preset ``paper`` where not given.
        adapt: fuse the scores adapted to each subject (:mod:`affekt.fusion.person`): train rows by the subjects of the
            train rows, test rows by theirs. The figures of the models stay those of the scores as they are.
        bootstrap: resamples for the intervals.
        confidence: of the intervals.

    Returns:
        ``report`` has ``methods`` (each with ``accuracy``, ``accuracy_ci95``, ``clips``, ``fitted_on``, ``notes`` on
        what was selected and what could not be fitted and, where it was cross-validated on the train rows,
        ``train_accuracy``), ``models`` (each with ``accuracy`` and ``train_accuracy`` on the rows that it answered, and
        ``accuracy_on_all``, where no answer is wrong as for the methods), ``best``, ``best_by``, ``clips``,
        ``train_split``, ``test_split``, ``adapt`` (``"person"`` or None) and ``warnings``. Accuracies are None where no
        label is known.

    Raises:
        DataError: an unknown model, method or split, a method that was named has no labelled rows to be fitted on, or
            the scores are to be adapted and no test row names a subject.
    """
    for name in methods or ():
        fusion_spec(name)
    table, copies = without_copies(table)
    rows = choose_rows(table if models is None else table.only(models), train_split, test_split)
    if adapt and not any(rows.test.subjects):
        raise DataError(
            "no row to be fused names a subject; to adapt scores to a person, give the table a column 'subject'",
            code="no_subjects",
        )
    members = member_accuracies(rows.train, rows.test)
    warnings = _overfitted_warnings(rows, members)
    train = rows.train.rows([]) if warnings else rows.train
    warnings += copies + unlike_probabilities(table) + rows_left_out(table, rows) + fused_together(table, rows)
    warnings += models_of_one_part(replace(rows, train=train)) + _subject_warnings(train, rows.test, adapt)
    warnings += [problem.message for problem in similar_names([*rows.train.subjects, *rows.test.subjects], "")]
    if methods is not None:
        wanted = tuple(dict.fromkeys(methods))
    else:
        wanted, too_slow = fusions_for(len(train) or int((rows.test.truth >= 0).sum()))
        warnings += [too_slow] if too_slow else []
    how: dict[str, Any] = {"adapt": adapt, "seed": seed, "settings": settings, "folds": folds}
    intervals = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    report, vectors, right = _every_method(wanted, train, rows, weights, how, intervals)
    if any(found["fitted_on"] not in (None, rows.train_split) for found in report.values()):
        warnings += labels_of_one_fold(rows.test, fold_masks(rows.test, folds, seed))
    if any(found["fitted_on"] == rows.train_split and rows.train_split for found in report.values()):
        warnings += labels_not_learned(train, rows.test, (str(rows.train_split), rows.test_split))
    warnings += _left_out([method for method in wanted if method not in vectors], named=methods is not None)
    best, best_by = best_method(report, weights, right, train.subjects)
    warnings += below_the_best_model(rows.test, vectors, best)
    for warning in warnings:
        logger.warning("%s", warning)
    return FusedTable(
        {
            "methods": report,
            "models": members,
            "best": best,
            "best_by": best_by,
            "clips": len(rows.test),
            "train_split": rows.train_split,
            "test_split": rows.test_split,
            "adapt": "person" if adapt else None,
            "warnings": warnings,
        },
        rows.test,
        vectors,
    )


@dataclass(frozen=True)
class _Answer:
    """The fused vectors of the test rows by one method, and what it was fitted on (None for a fixed rule)."""

    vectors: np.ndarray
    fitted_on: str | None
    notes: tuple[str, ...] = ()


def _every_method(
    methods: Sequence[str],
    train: ScoreTable,
    rows: Rows,
    weights: Mapping[str, float] | None,
    how: Mapping[str, Any],
    intervals: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The figures and the fused vectors of each method that has rows to be fitted on, or needs none.

    And where methods are cross-validated on the train rows, which each was right on: 1, 0, or NaN without an answer.
    """
    folds, seed = how["folds"], how["seed"]
    divisions = [fold_masks(rows.test, folds, seed + again) for again in range(_REPEATS)]
    choosing = fold_masks(train, folds, seed) if len(methods) > 1 else []
    report: dict[str, Any] = {}
    vectors: dict[str, np.ndarray] = {}
    right: dict[str, np.ndarray] = {}
    with Progress("fuse", len(methods), "method") as progress:
        for method in methods:
            fixed = weights if fusion_spec(method).weighted else None
            answer = _answer(method, train, rows, divisions, fixed, how)
            if answer is None:
                continue
            vectors[method] = answer.vectors
            figures = evaluated(rows.test, answer.vectors, intervals)
            report[method] = {**figures, "fitted_on": answer.fitted_on, "notes": list(answer.notes)}
            if choosing:
                out_of_fold = cross_validated(train, [choosing], method, how, weights=fixed)
                report[method]["train_accuracy"] = accuracy_of(train, out_of_fold)
                right[method] = rightly(train, out_of_fold)
            progress.advance(note=method)
    return report, vectors, right


def _answer(
    method: str,
    train: ScoreTable,
    rows: Rows,
    divisions: Sequence[Sequence[np.ndarray]],
    weights: Mapping[str, float] | None,
    how: Mapping[str, Any],
) -> _Answer | None:
    """The test rows fused by a method, or None where it has no rows to be fitted on."""
    needs_rows = fusion_spec(method).learns and not weights
    if not needs_rows or len(train):
        vectors, notes = fused_rows(train, rows.test, None, method, weights=weights, **how)
        return _Answer(vectors, rows.train_split if needs_rows else None, notes)
    if all(divisions):
        selects = fusion_spec(method).selects  # a mean of different selections is none of them
        vectors = cross_validated(rows.test, divisions[:1] if selects else divisions, method, how)
        _, notes = fused_rows(rows.test, rows.test, None, method, **how)
        return _Answer(vectors, f"{rows.test_split}, other subjects", notes)
    return None


def _overfitted_warnings(rows: Rows, members: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        f"{name} is right on {members[name]['train_accuracy']:.1%} of the split {rows.train_split!r} and on "
        f"{members[name]['accuracy']:.1%} of {rows.test_split!r}: its scores look over-fitted, as if given to clips "
        "that it was trained on. Nothing is fitted on them; fusions are cross-validated in the test split instead"
        for name in overfitted(rows.train, rows.test)
    ]


def _subject_warnings(train: ScoreTable, test: ScoreTable, adapt: bool) -> list[str]:
    warnings = []
    shared = {subject for subject in train.subjects if subject} & set(test.subjects)
    if shared:
        warnings.append(
            f"both splits hold clips of {counted(len(shared), 'subjects')} alike; the figures say little about unseen "
            "people"
        )
    if adapt and len(set(filter(None, test.subjects))) == sum(map(bool, test.subjects)):
        warnings.append("no subject has two clips to be fused, so nothing is adapted")
    return warnings


def _left_out(refused: Sequence[str], *, named: bool) -> list[str]:
    """A warning of the methods without rows to be fitted on.

    Raises:
        DataError: ``no_train_rows``: the methods were asked for by name.
    """
    if not refused:
        return []
    message = (
        f"{', '.join(refused)}: no labelled rows to be fitted on; needs a train split with labels and with scores "
        "of clips that the models were not trained on, or labels of two subjects at least in the test split"
    )
    if named:
        raise DataError(message, code="no_train_rows")
    return [f"left out {message}"]
