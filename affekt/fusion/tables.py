"""Every fusion method on one score table, fitted and judged on clips that are kept apart (``affekt fuse``)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.dataset import subject_folds
from affekt.errors import DataError
from affekt.fusion.fusion import METHODS, TRAINED, Fusion
from affekt.fusion.person import PersonFusion
from affekt.fusion.vectors import answered, as_probabilities
from affekt.progress import Progress
from affekt.score_table import ScoreTable

logger = logging.getLogger(__name__)

#: How often a cross-validation whose answers are reported is repeated with other folds; the answers are averaged.
_REPEATS = 3
#: Train scores of a model look over-fitted when it is so much more often right on them than on the test split (a share,
#: and in standard errors of the difference).
_OVERFITTED_GAP, _OVERFITTED_ERRORS = 0.1, 3.0


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
    svm_c: float = 18.5,
    adapt: bool = False,
    bootstrap: int = 2000,
    confidence: float = 0.95,
) -> FusedTable:
    """Fuse the test rows of a score table by every method asked for, and judge the methods where labels are known.

    How a method that needs labelled rows (the trained ones, and ``weighted_average`` without given weights) gets them:

    1. It is fitted on the labelled rows of the train split, if there is one besides the test split.
    2. If there is none, or if a model's scores on it look over-fitted (the model is right far more often there than on
       the test split, so that it was probably scored on its own training clips), it is cross-validated in the test
       split: the rows of each fold of subjects are fused by fusions fitted on the other folds (the mean of three
       divisions into folds). The report warns.
    3. If the test split has no labels either, the method is refused where it was named, and otherwise left out.

    ``best`` is the method with the highest accuracy in cross-validation grouped by subject on the train rows, so that
    the test rows have no say in it. Where there are no usable train rows it is the one with the highest accuracy on
    the test rows, which flatters it; ``best_by`` says which.

    Args:
        table: the score table; raw votes are welcome, a row of zeros is a model without an answer.
        methods: of :data:`affekt.fusion.METHODS`; all where not given.
        train_split: the split to fit on; ``train`` where not given and present.
        test_split: the split to fuse; where not given ``test``, else ``val``, else all rows outside the train split.
        models: the models to fuse; all where not given.
        weights: of ``weighted_average`` by model.
        folds: of subjects, for every cross-validation.
        seed: of everything random.
        svm_c: penalty of the support vector machine.
        adapt: fuse the scores adapted to each subject (:mod:`affekt.fusion.person`): train rows by the subjects of the
            train rows, test rows by theirs. The figures of the models stay those of the scores as they are.
        bootstrap: resamples for the intervals.
        confidence: of the intervals.

    Returns:
        ``report`` has ``methods`` (each with ``accuracy``, ``accuracy_ci95``, ``clips``, ``fitted_on``, ``notes`` on
        what could not be fitted and, where it was cross-validated on the train rows, ``train_accuracy``), ``models``
        (each with ``accuracy`` and ``train_accuracy``), ``best``, ``best_by``, ``clips``, ``train_split``,
        ``test_split``, ``adapt`` (``"person"`` or None) and ``warnings``. Accuracies are None where no label is known.

    Raises:
        DataError: an unknown model, method or split, a method that was named has no labelled rows to be fitted on, or
            the scores are to be adapted and no test row names a subject.
    """
    wanted = _known_methods(methods)
    if models is not None:
        table = table.only(models)
    train, test, train_split, test_split = _parts(table, train_split, test_split)
    if adapt and not any(test.subjects):
        raise DataError(
            "no row to be fused names a subject; to adapt scores to a person, give the table a column 'subject'",
            code="no_subjects",
        )
    judge = {"bootstrap": bootstrap, "confidence": confidence, "seed": seed}
    how: dict[str, Any] = {"adapt": adapt, "seed": seed, "svm_c": svm_c, "folds": folds}
    members = _member_accuracies(train, test)
    warnings = [
        f"{name} is right on {members[name]['train_accuracy']:.1%} of the split {train_split!r} and on "
        f"{members[name]['accuracy']:.1%} of {test_split!r}: its scores look over-fitted, as if given to clips that it "
        "was trained on. Nothing is fitted on them; fusions are cross-validated in the test split instead"
        for name in _overfitted(train, test)
    ]
    if warnings:
        train = train.rows([])
    shared = {subject for subject in train.subjects if subject} & set(test.subjects)
    if shared:
        warnings.append(f"{len(shared)} subjects are in both splits; the figures say little about unseen people")
    if adapt and len(set(filter(None, test.subjects))) == sum(map(bool, test.subjects)):
        warnings.append("no subject has two clips to be fused, so nothing is adapted")
    divisions = [_folds(test, folds, seed + again) for again in range(_REPEATS)]
    choosing = _folds(train, folds, seed) if len(wanted) > 1 else []

    vectors: dict[str, np.ndarray] = {}
    report: dict[str, Any] = {}
    refused: list[str] = []
    with Progress("fuse", len(wanted), "method") as progress:
        for method in wanted:
            fixed = weights if method == "weighted_average" else None
            needs_rows = method in TRAINED or (method == "weighted_average" and not fixed)
            notes: tuple[str, ...] = ()
            if not needs_rows or len(train):
                fused, notes = _fused(train, test, None, method, weights=fixed, **how)
                fitted_on = train_split if needs_rows else None
            elif all(divisions):
                fused = _cross_validated(test, divisions, method, how)
                fitted_on = f"{test_split}, other subjects"
            else:
                refused.append(method)
                continue
            vectors[method] = fused
            report[method] = {**_judged(test, fused, judge), "fitted_on": fitted_on, "notes": list(notes)}
            if choosing:
                honest = _cross_validated(train, [choosing], method, how, weights=fixed)
                report[method]["train_accuracy"] = _accuracy(train, honest)
            progress.advance(note=method)
    if refused:
        message = (
            f"{', '.join(refused)}: no labelled rows to be fitted on; needs a train split with labels and with scores "
            "of clips that the models were not trained on, or labels of two subjects at least in the test split"
        )
        if methods is not None:
            raise DataError(message, code="no_train_rows")
        warnings.append(f"left out {message}")
    for warning in warnings:
        logger.warning("%s", warning)
    best, best_by = _best(report, weights)
    return FusedTable(
        {
            "methods": report,
            "models": members,
            "best": best,
            "best_by": best_by,
            "clips": len(test),
            "train_split": train_split,
            "test_split": test_split,
            "adapt": "person" if adapt else None,
            "warnings": warnings,
        },
        test,
        vectors,
    )


def _known_methods(methods: Sequence[str] | None) -> tuple[str, ...]:
    for name in methods or ():
        if name not in METHODS:
            raise DataError(f"no fusion method {name!r}; expected of {', '.join(METHODS)}", code="unknown_method")
    return METHODS if methods is None else tuple(dict.fromkeys(methods))


def _parts(
    table: ScoreTable, train_split: str | None, test_split: str | None
) -> tuple[ScoreTable, ScoreTable, str | None, str]:
    """The labelled train rows (none where there is no such split), the test rows, and the names of both splits."""
    present = [split for split in dict.fromkeys(table.splits) if split]
    for name in (train_split, test_split):
        if name is not None and name not in present:
            raise DataError(
                f"no row has the split {name!r}; the table has {', '.join(present) or 'no splits'}",
                code="unknown_split",
            )
    if train_split is None and "train" in present and test_split != "train":
        train_split = "train"
    if test_split is None:
        test_split = next((name for name in ("test", "val") if name in present and name != train_split), None)
    if train_split == test_split:
        train_split = None
    splits = np.array(table.splits, dtype=object)
    inside = splits == test_split if test_split is not None else splits != train_split
    test = table.rows(inside)
    if not len(test):
        raise DataError(
            f"every row is of the split {train_split!r}; name it with the test split to cross-validate in it",
            code="no_test_rows",
        )
    train = table.rows((splits == train_split) & (table.truth >= 0)) if train_split is not None else table.rows([])
    return train, test, train_split, test_split or "all rows"


def _folds(table: ScoreTable, folds: int, seed: int) -> list[np.ndarray]:
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


def _cross_validated(
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
            total[held] += _fused(table.rows(~held), table, held, method, weights=weights, **how)[0]
    result = total / len(divisions)
    if unlabelled.any():
        result[unlabelled] = _fused(table, table, unlabelled, method, weights=weights, **how)[0]
    return result


def _fused(
    train: ScoreTable, test: ScoreTable, rows: np.ndarray | None, method: str, *, adapt: bool, **how: Any
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The fused vectors of some test rows (all where None) by a fusion fitted on the train rows, and its notes."""
    if adapt:
        person = PersonFusion.fit(train, method, **how)
        return person.predict(test.scores, test.subjects, rows), person.person.notes
    fusion = Fusion.fit(train, method, **how)
    return fusion.predict(test.scores if rows is None else test.scores[rows]), fusion.notes


def _judged(table: ScoreTable, fused: np.ndarray, judge: Mapping[str, Any]) -> dict[str, Any]:
    from affekt.statistics.metrics import evaluate_scores

    known = table.truth >= 0
    if not known.any():
        return {"accuracy": None, "accuracy_ci95": None, "clips": len(table)}
    found = evaluate_scores(
        table.truth[known],
        fused[known],
        table.labels,
        [table.subjects[i] for i in np.flatnonzero(known)],
        **judge,
    )
    return {key: found[key] for key in ("accuracy", "accuracy_ci95", "clips", "unweighted_average_recall")}


def _accuracy(table: ScoreTable, fused: np.ndarray) -> float | None:
    """The share of right answers of the labelled rows that have an answer; None where there is none."""
    known = (table.truth >= 0) & ~np.isnan(fused).any(axis=1)
    return float((fused[known].argmax(axis=1) == table.truth[known]).mean()) if known.any() else None


def _member_accuracies(train: ScoreTable, test: ScoreTable) -> dict[str, dict[str, Any]]:
    parts = {"accuracy": as_probabilities(test.scores), "train_accuracy": as_probabilities(train.scores)}
    return {
        name: {key: _accuracy(test if key == "accuracy" else train, part[:, number]) for key, part in parts.items()}
        for number, name in enumerate(test.models)
    }


def _overfitted(train: ScoreTable, test: ScoreTable) -> list[str]:
    """The models that are right so much more often on the train rows that they must have been trained on them."""
    found = []
    for number, name in enumerate(test.models):
        hits = []
        for part in (train, test):
            known = (part.truth >= 0) & answered(as_probabilities(part.scores))[:, number]
            hits.append(part.scores[known, number].argmax(axis=1) == part.truth[known])
        if min(len(part) for part in hits) < 2:
            continue
        gap = hits[0].mean() - hits[1].mean()
        share = np.concatenate(hits).mean()
        error = np.sqrt(share * (1 - share) * sum(1 / len(part) for part in hits))
        if gap > _OVERFITTED_GAP and gap > _OVERFITTED_ERRORS * error:
            found.append(name)
    return found


def _best(report: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float] | None) -> tuple[str, str]:
    if len(report) == 1:
        return next(iter(report)), "the only method"
    for key, reason in (
        ("train_accuracy", "cross-validation on the train rows"),
        ("accuracy", "the test rows themselves, which flatters it: there are no train rows to choose by"),
    ):
        if all(found.get(key) is not None for found in report.values()):
            return max(report, key=lambda method: report[method][key]), reason
    return ("weighted_average" if weights else "average"), "no labels to choose by"
