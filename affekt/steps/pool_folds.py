"""Pools the folds of an evaluation protocol: every held-out clip once, in one evaluation with one report."""

from __future__ import annotations

import csv
import hashlib
import shutil
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt.counted import counted
from affekt.dataset.several import possible_labels
from affekt.ensemble.among import only_possible
from affekt.errors import AffektError
from affekt.extensions import members_needed, model_names
from affekt.fusion import FusionKey
from affekt.media import PreparedIndex
from affekt.report.document import Evaluation
from affekt.report.evaluation import evaluate_table
from affekt.report.folds import Fold, FoldMean, MeanOfFolds
from affekt.score_table import ScoreTable, stack_tables
from affekt.settings import Settings, digest_of
from affekt.statistics.metrics import check_scores, predictions
from affekt.steps.counted_once import counted_once, rows_counted
from affekt.steps.evaluation_folder import (
    FIGURE7,
    HISTORY,
    REPORT,
    Facts,
    draw_faces,
    holds_samples,
    render,
    write_evaluation,
)
from affekt.steps.fit_fusion import FusionFacts
from affekt.steps.random_starts import random_starts
from affekt.storage import as_told
from affekt.store.entries import Store

SCORES, FUSED = "scores.csv", "fused.csv"
#: The stage of a history that is the training on all train clips, as the visual members write it.
FINAL = "final"


@dataclass(frozen=True)
class FoldScores:
    """What one fold's training left behind.

    Attributes:
        name: of the fold.
        held_out: the subjects that it was evaluated on.
        reported: their split.
        clips: the ids of the clips that it had to score.
        prepared: folder of the prepared index.
        scores: folder with ``scores.csv`` and ``fused.csv``, and the models' learning curves below ``history``.
        figure7: folder of the pictures of what the fold's models look for, where one of them can be explained.
        seconds, run_id, report: of the training: wall time, MLflow run, and the path of its own report.
    """

    name: str
    held_out: tuple[str, ...]
    reported: str
    clips: tuple[str, ...]
    prepared: Path
    scores: Path
    figure7: Path | None = None
    seconds: float | None = None
    run_id: str | None = None
    report: str | None = None

    def read(self, file: str) -> ScoreTable:
        """The rows of the held-out clips of ``scores.csv`` or ``fused.csv``."""
        return ScoreTable.read(self.scores / file).split(self.reported)


def pool_folds(
    folds: Sequence[FoldScores],
    protocol: str,
    settings: Settings,
    folder: Path,
    *,
    store: str,
    facts: Mapping[str, Any] | None = None,
) -> Evaluation:
    """Evaluate all models and fusions on the held-out clips of all folds together.

    Writes into ``folder``: ``scores.csv`` (every model's score vector of every held-out clip), ``fused.csv`` (every
    fusion's, each fitted within its fold on the out-of-fold scores of the train clips), and an evaluation's folder with
    ``report.html``: a learning curve for each model has a line for each fold's final model, and Figure 7 is that of the
    first fold that has one, as every fold has networks of its own.

    Args:
        folds: of one protocol.
        protocol: its name.
        settings: of the trainings.
        folder: where the evaluation goes.
        store: root of the prepared store, for pictures of faces.
        facts: digests for the report, besides those of the data and the settings.

    Returns:
        The evaluation of the pooled clips, with ``protocol``, ``folds`` and ``mean_of_folds``.

    Raises:
        AffektError: a clip was held out twice, or was neither scored nor skipped.
    """
    table = stack_tables(fold.read(SCORES) for fold in folds)
    fused = stack_tables(fold.read(FUSED) for fold in folds)
    if fused.clips != table.clips:
        raise AffektError("the models and the fusions of the folds scored different clips", code="rows_differ")
    indices = [PreparedIndex.read(fold.prepared) for fold in folds]
    rows = {row.clip: row for index in indices for row in index}
    held_out = _held_out_clips(folds, indices, table)
    possible = possible_labels(rows.values())
    known = replace(table, scores=only_possible(table.scores, table.labels, table.clips, possible))
    counting = counted_once(held_out, table.labels, possible)
    known, answers = rows_counted(known, counting), rows_counted(fused, counting)
    evaluation = _evaluation(folds, known, answers, counting, settings)
    of_folds = _folds(folds, known, answers, settings.fusion.method)
    evaluation = replace(
        evaluation,
        protocol=protocol,
        folds=of_folds,
        mean_of_folds=_mean_of_folds(of_folds),
        random_starts=random_starts(settings, members_needed(table.models)),
    )
    digests = {"data": _digest_of_data(folds), **(facts or {}), "settings": digest_of(settings)}
    told = Facts(
        as_told(settings.to_dict()), digests, {}, holds_samples(held_out), title=f"affekt: {title_of(protocol)}"
    )
    write_evaluation(folder, evaluation, told)
    table.write(folder / SCORES)
    fused.write(folder / FUSED)
    _write_histories(folds, folder / HISTORY)
    draw_faces(folder, evaluation, held_out, Store(store, settings.media))
    _copy_figure7(folds, folder / FIGURE7)
    render(folder, folder / REPORT)
    return evaluation


def _held_out_clips(folds: Sequence[FoldScores], indices: Sequence[PreparedIndex], table: ScoreTable) -> PreparedIndex:
    """The index of the held-out clips, and of all folds' skipped clips, each once.

    Raises:
        AffektError: a clip that was held out has neither a row nor a reason among the skipped clips.
    """
    scored = set(table.clips)
    skipped = {(item.clip, item.code): item for index in indices for item in index.skipped}
    accounted = scored | {clip for clip, _ in skipped}
    for fold in folds:
        lost = [clip for clip in fold.clips if clip not in accounted]
        if lost:
            raise AffektError(
                f"no score of {counted(len(lost), 'held-out clips')}, the first of them {lost[0]!r}",
                code="clips_lost",
                where=f"fold {fold.name}",
            )
    rows = {row.clip: row for index in indices for row in index}
    return PreparedIndex(tuple(rows[clip] for clip in table.clips), tuple(skipped.values()))


def _evaluation(
    folds: Sequence[FoldScores], table: ScoreTable, fused: ScoreTable, held_out: PreparedIndex, settings: Settings
) -> Evaluation:
    facts = [FusionFacts.read(fold.scores) for fold in folds]
    evaluation = evaluate_table(
        table,
        {FusionKey.parse(name): fused.scores[:, number] for number, name in enumerate(fused.models)},
        settings.fusion.method,
        held_out.skipped,
        settings.evaluation,
        seed=settings.seed,
        attributes=held_out.attributes(table.clips),
        models_fused=_fused_models([each.models for each in facts]),
        ablations=[
            replace(ablation, fold=fold.name)
            for fold, each in zip(folds, facts, strict=True)
            for ablation in each.ablations
        ],
    )
    told = [replace(each, fold=fold.name) for fold, own in zip(folds, facts, strict=True) for each in own.fallbacks]
    return replace(evaluation, fallbacks=tuple(told))


def _fused_models(folds: Sequence[Sequence[str]]) -> list[str]:
    """The models that the folds fused; one that not all of them kept says in how many it is."""
    counts = Counter(name for models in folds for name in models)
    return [
        name if counts[name] == len(folds) else f"{name} ({counts[name]} of {counted(len(folds), 'folds')})"
        for name in model_names()
        if name in counts
    ]


def _digest_of_data(folds: Sequence[FoldScores]) -> str:
    """Of the clips of all folds as they were prepared: their contents, labels, subjects and splits."""
    return hashlib.sha256(b"".join((fold.prepared / "index.csv").read_bytes() for fold in folds)).hexdigest()


def _write_histories(folds: Sequence[FoldScores], folder: Path) -> None:
    """The losses of the final model of every fold, a file for each model; the fold's name is the stage."""
    rows: dict[str, list[dict[str, str]]] = {}
    for fold in folds:
        for path in sorted((fold.scores / HISTORY).glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                final = (row for row in csv.DictReader(file) if row.get("stage") == FINAL)
                rows.setdefault(path.stem, []).extend({**row, "stage": f"fold {fold.name}"} for row in final)
    folder.mkdir(exist_ok=True)
    for model, lines in rows.items():
        if lines:
            with (folder / f"{model}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(name for line in lines for name in line)))
                writer.writeheader()
                writer.writerows(lines)


def _copy_figure7(folds: Sequence[FoldScores], folder: Path) -> None:
    """The pictures of the first fold that has some, under names that tell the fold."""
    for fold in folds:
        pictures = sorted(fold.figure7.glob("*.png")) if fold.figure7 else []
        if pictures:
            folder.mkdir(exist_ok=True)
            for file in pictures:
                shutil.copyfile(file, folder / f"{file.stem} (fold {fold.name}).png")
            return


def title_of(protocol: str) -> str:
    """A protocol's name as a reader says it."""
    name, _, count = protocol.partition(":")
    return f"{counted(int(count), 'folds')} of subjects" if count else name.replace("_", " ")


def _folds(folds: Sequence[FoldScores], table: ScoreTable, fused: ScoreTable, chosen: str) -> tuple[Fold, ...]:
    """Accuracy of every model and fusion in each fold, of its labelled clips."""
    position = {clip: row for row, clip in enumerate(table.clips)}
    found = []
    for fold in folds:
        rows = [position[clip] for clip in fold.clips if clip in position]
        fusions = {FusionKey.parse(name): value for name, value in _accuracies(fused.rows(rows)).items()}
        found.append(
            Fold(
                name=fold.name,
                held_out=fold.held_out,
                clips=int((table.truth[rows] >= 0).sum()),
                accuracy=fusions[FusionKey(chosen)],
                models=_accuracies(table.rows(rows)),
                fusion={key: value for key, value in fusions.items() if not key.person},
                person={key.plain(): value for key, value in fusions.items() if key.person},
                seconds=fold.seconds,
                run_id=fold.run_id,
                report=fold.report,
            )
        )
    return tuple(found)


def _accuracies(table: ScoreTable) -> dict[str, float | None]:
    """The share of right answers by model; a clip without an answer is a wrong one, and no clip gives None."""
    if not (table.truth >= 0).any():
        return dict.fromkeys(table.models)
    found: dict[str, float | None] = {}
    for number, name in enumerate(table.models):
        truth, scores, _ = check_scores(table.truth, table.scores[:, number], table.labels, None)
        found[name] = float((predictions(scores) == truth).mean())
    return found


def _mean_of_folds(folds: Sequence[Fold]) -> MeanOfFolds:
    return MeanOfFolds(
        _mean([fold.accuracy for fold in folds]),
        {name: _mean([fold.models.get(name) for fold in folds]) for name in folds[0].models},
        {key: _mean([fold.fusion.get(key) for fold in folds]) for key in folds[0].fusion},
        {key: _mean([fold.person.get(key) for fold in folds]) for key in folds[0].person},
    )


def _mean(values: Sequence[float | None]) -> FoldMean:
    known = [value for value in values if value is not None]
    return FoldMean(statistics.fmean(known) if known else None, statistics.stdev(known) if len(known) > 1 else None)
