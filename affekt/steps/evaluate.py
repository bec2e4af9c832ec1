"""Evaluates a trained ensemble on clips that nothing was fitted on, and writes the folder of the evaluation."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from affekt.dataset.several import possible_labels
from affekt.ensemble.among import only_possible
from affekt.ensemble.manifest import MANIFEST, read_manifest
from affekt.fusion import FusionKey
from affekt.media import PreparedIndex
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.score_table import ScoreTable
from affekt.settings import Settings, digest_of
from affekt.steps.counted_once import counted_once, rows_counted
from affekt.steps.evaluation_folder import (
    HISTORY,
    REPORT,
    Facts,
    draw_faces,
    draw_figure7,
    holds_samples,
    render,
    write_evaluation,
)
from affekt.steps.fit_fusion import FusionFacts, reported_split
from affekt.steps.random_starts import random_starts
from affekt.storage import as_told, file_digest
from affekt.store import store_of


def evaluate(prepared: Path, scores: Path, ensemble: Path, store: str, settings: Settings, folder: Path) -> Evaluation:
    """Evaluate every model and fusion on the reported split; write the evaluation's folder and ``report.html`` in it.

    Args:
        prepared: folder of the prepared index; of still images with the images themselves beside it.
        scores: folder with ``scores.csv`` and ``fused.csv``, as the fusion step writes it.
        ensemble: folder of the assembled ensemble.
        store: root of the prepared store, for thumbnails.
        settings: the run's settings.
        folder: where the evaluation goes.
    """
    index = PreparedIndex.read(prepared)
    manifest = read_manifest(ensemble)
    starts = random_starts(settings, manifest["members"])
    evaluation = replace(_evaluation(index, scores, settings), random_starts=starts)
    digests = {**manifest["facts"], "settings": digest_of(settings), "ensemble": file_digest(ensemble / MANIFEST)}
    facts = Facts(as_told(settings.to_dict()), digests, manifest["packages"], holds_samples(index))
    write_evaluation(folder, evaluation, facts)
    if (scores / HISTORY).is_dir():
        shutil.copytree(scores / HISTORY, folder / HISTORY, dirs_exist_ok=True)
    prepared_clips = store_of(index, store, settings.media)
    draw_faces(folder, evaluation, index, prepared_clips)
    members = {name: ensemble / "members" / name for name in manifest["members"]}
    draw_figure7(folder, members, index.select(evaluation.split or ""), prepared_clips)
    render(folder, folder / REPORT)
    return evaluation


def _evaluation(index: PreparedIndex, scores: Path, settings: Settings) -> Evaluation:
    table, fused = ScoreTable.read(scores / "scores.csv"), ScoreTable.read(scores / "fused.csv")
    facts = FusionFacts.read(scores)
    split = reported_split(fused)
    possible = possible_labels(index)
    evaluated = counted_once(
        replace(index, rows=tuple(row for row in index if row.split == split)), table.labels, possible
    )
    table, fused = (rows_counted(each.split(split), evaluated) for each in (table, fused))
    table = replace(table, scores=only_possible(table.scores, table.labels, table.clips, possible))
    images = index.unit == "images"
    evaluation = evaluate_table(
        table,
        {} if images else {FusionKey.parse(name): fused.scores[:, n] for n, name in enumerate(fused.models)},
        table.models[0] if images else settings.fusion.method,
        evaluated.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes=index.attributes(table.clips),
        models_fused=facts.models,
        ablations=facts.ablations,
        unit=index.unit,
    )
    return replace(evaluation, split=split, fallbacks=facts.fallbacks, learned=_of_people_learned_from(table, index))


def _of_people_learned_from(table: ScoreTable, index: PreparedIndex) -> int | None:
    """How many of the labelled clips are of people who are learned from, where that was allowed; None where none is."""
    people = {row.subject for row in index if row.split == "train" and row.subject}
    return sum(name in people for name, truth in zip(table.subjects, table.truth, strict=True) if truth >= 0) or None
