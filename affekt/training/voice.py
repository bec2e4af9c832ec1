"""Fit one audio member on prepared clips and write it with its honest scores (paper.md, section 4.2.2)."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, choose_c, fit_forest, fit_svc, save_classifiers
from affekt.dataset.labels import canonical_label
from affekt.errors import DataError
from affekt.media.prepared import PreparedIndex
from affekt.models.voice import DESCRIPTION, WEIGHTS
from affekt.progress import Progress
from affekt.score_table import ScoreTable
from affekt.settings import Settings
from affekt.training.given import ClipStore, Given, Log

logger = logging.getLogger(__name__)


def fit_voice(given: Given) -> ScoreTable:
    """Fit ``random_forest`` or ``svc`` on the train clips that have usable sound.

    Writes into ``given.out``: ``model.safetensors``, ``model.json``, and ``scores.csv``, which is also returned. In it
    the clips outside the train split are scored by that model. A train clip is scored by the model of the fold that did
    not see the clip's subject (with ``fusion.scores`` = ``held_out``: one part of the subjects is scored so, and the
    other train clips are left out), so that a fusion can be fitted on these rows. What is chosen from data (C, the
    sigmoids of the probabilities) is chosen anew within each fold's own train clips. A clip without usable sound has a
    row of NaN.

    Raises:
        DataError: no train clip is usable, or they have fewer than two labels.
    """
    member, index, store, settings = given.member, given.index, given.store, given.settings
    labels, out, log = given.labels, given.out, given.log
    out.mkdir(parents=True, exist_ok=True)
    features, usable = _functionals(index, store, member)
    truth = _truth(index, labels)
    subjects = np.array([row.subject for row in index], dtype=object)
    train = np.array([row.split == "train" for row in index], dtype=bool)
    fitted = train & usable & (truth >= 0)
    _check_train(fitted, truth, member)
    logger.info("%s: fitting on %d of %d train clips", member, fitted.sum(), train.sum())

    model, facts = _fit(member, features[fitted], truth[fitted], list(subjects[fitted]), settings, len(labels), log)
    scores = np.full((len(index), len(labels)), np.nan)
    others = ~train & usable
    if others.any():
        scores[others] = model.predict(features[others])
    kept = ~train
    for held in _train_folds(index, train, settings):
        kept |= held
        part = fitted & ~held
        rows = held & usable
        if len(np.unique(truth[part])) < 2:
            logger.warning(
                "%s: a fold has fewer than two labels to fit on; its %d clips get no score", member, held.sum()
            )
        elif rows.any():
            fold, _ = _fit(member, features[part], truth[part], list(subjects[part]), settings, len(labels), None)
            scores[rows] = fold.predict(features[rows])

    description = {
        "member": member,
        "labels": list(labels),
        "features": int(features.shape[1]),
        "weights": WEIGHTS,
        "sha256": save_classifiers(out / WEIGHTS, {member: model}),
        "train_clips": int(fitted.sum()),
        "settings": {**dataclasses.asdict(given.group), "seed": settings.seed},
        **facts,
    }
    (out / DESCRIPTION).write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    table = ScoreTable(
        tuple(row.clip for row in index),
        labels,
        (member,),
        scores[:, None, :],
        truth,
        tuple(row.subject for row in index),
        tuple(row.split for row in index),
    ).rows(kept)
    table.write(out / "scores.csv")
    if log is not None:
        log(_accuracies(table), 0)
    return table


def _fit(
    member: str,
    x: np.ndarray,
    y: np.ndarray,
    subjects: list[str],
    settings: Settings,
    labels: int,
    log: Log | None,
) -> tuple[ArrayClassifier, dict[str, Any]]:
    """The member fitted on rows ``[N, F]``, and what was chosen from them."""
    if member == "random_forest":
        group = settings.random_forest
        forest = fit_forest(
            x, y, labels, trees=group.trees, min_samples_split=group.min_samples_split, seed=settings.seed
        )
        return forest, {}
    svc = settings.svc
    common: dict[str, Any] = {
        "kernel": svc.kernel,
        "tolerance": svc.tolerance,
        "standardise": svc.standardise,
        "seed": settings.seed,
    }
    c = svc.c
    accuracies: dict[float, float] = {}
    if c is None:
        c, accuracies = choose_c(x, y, subjects, svc.c_candidates, folds=settings.fusion.folds, **common)
    if log is not None:
        for step, (candidate, accuracy) in enumerate(sorted(accuracies.items())):
            log({"candidate_c": candidate, "candidate_accuracy": accuracy}, step)
        log({"c": c}, 0)
    machine = fit_svc(x, y, labels, subjects, c=c, folds=settings.fusion.folds, **common)
    return machine, {"c": c, "c_accuracies": {f"{candidate:g}": value for candidate, value in accuracies.items()}}


def _train_folds(index: PreparedIndex, train: np.ndarray, settings: Settings) -> list[np.ndarray]:
    """Bool masks ``[N]`` over all rows: the train rows that each fold holds out.

    Folds are made over all train rows, usable for this member or not, so that every member has the same ones.
    """
    from affekt.dataset import subject_folds

    rows = np.flatnonzero(train)
    held_out = settings.fusion.scores == "held_out"
    count = max(2, round(1 / settings.fusion.held_out_share)) if held_out else settings.fusion.folds
    subjects = [index.rows[i].subject for i in rows]
    if len(set(subjects)) < 2 and (subjects[0] or len(subjects) < 2):
        logger.warning(
            "the train clips show one subject; no score of theirs is honest, so they are left out of the scores"
        )
        return []
    masks = subject_folds(subjects, count, settings.seed, labels=[index.rows[i].label for i in rows])
    result = []
    for mask in masks[:1] if held_out else masks:
        whole = np.zeros(len(index), dtype=bool)
        whole[rows[mask]] = True
        result.append(whole)
    return result


def _functionals(index: PreparedIndex, store: ClipStore, member: str) -> tuple[np.ndarray, np.ndarray]:
    """The functionals float64 ``[N, F]`` (zeros without usable sound), and which rows have them."""
    usable = np.array([row.voice for row in index], dtype=bool)
    rows: dict[int, np.ndarray] = {}
    with Progress(f"{member}: reading functionals", len(index)) as progress:
        for number, row in enumerate(index):
            if usable[number]:
                rows[number] = np.asarray(store.get(row.key).functionals, dtype=float)
            progress.advance()
    sizes = {len(values) for values in rows.values()}
    if len(sizes) > 1:
        raise DataError(
            f"the prepared clips have different numbers of functionals: {sorted(sizes)}", code="wrong_features"
        )
    features = np.zeros((len(index), sizes.pop() if sizes else 0))
    for number, values in rows.items():
        features[number] = values
    return features, usable


def _truth(index: PreparedIndex, labels: tuple[str, ...]) -> np.ndarray:
    """The label numbers ``[N]``; -1 for no label and for one that is not scored."""
    names = [canonical_label(row.label) if row.label else "" for row in index]
    outside = sum(1 for name in names if name and name not in labels)
    if outside:
        logger.warning("%d clips have a label other than %s and are not fitted", outside, ", ".join(labels))
    return np.array([labels.index(name) if name in labels else -1 for name in names], dtype=int)


def _check_train(fitted: np.ndarray, truth: np.ndarray, member: str) -> None:
    if not fitted.any():
        raise DataError(
            f"{member}: no clip of the split 'train' has both a label and usable sound; "
            "check the splits and what was skipped",
            code="no_train_clips",
        )
    if len(np.unique(truth[fitted])) < 2:
        raise DataError(
            f"{member}: the train clips have a single label; at least two are needed", code="too_few_labels"
        )


def _accuracies(table: ScoreTable) -> dict[str, float]:
    """The share of right answers per split, of the clips that have a label and a score."""
    result = {}
    for split in sorted(set(table.splits)):
        part = table.split(split)
        known = part.available[:, 0] & (part.truth >= 0)
        if known.any():
            hits = part.scores[known, 0].argmax(axis=1) == part.truth[known]
            result[f"{split or 'unnamed'}_accuracy"] = float(hits.mean())
    return result
