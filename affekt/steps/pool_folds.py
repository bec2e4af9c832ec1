"""Pools the folds of an evaluation protocol: every held-out clip once, in one evaluation with one report."""

from __future__ import annotations

import csv
import hashlib
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from affekt.errors import AffektError
from affekt.extensions import model_names
from affekt.fusion import PERSON
from affekt.media import PreparedIndex
from affekt.report.document import evaluate_table
from affekt.report.report import write_report
from affekt.samples.write import SAMPLE_SOURCE
from affekt.score_table import ScoreTable, stack_tables
from affekt.settings import Settings, digest_of
from affekt.statistics.metrics import check_scores, predictions
from affekt.steps.evaluate import EVALUATION, SAMPLE_NOTICE, keep_faces
from affekt.steps.fit_fusion import FACTS
from affekt.store.entries import Store

REPORT, SCORES, FUSED = "report.html", "scores.csv", "fused.csv"
#: The stage of a history that is the training on all train clips, as the visual members write it.
FINAL = "final"


@dataclass(frozen=True)
class FoldScores:
    """What one fold's training left behind.

    Attributes:
        name: of the fold.
        held_out: the subjects that it was judged on.
        reported: their split.
        clips: the ids of the clips that it had to judge.
        prepared: folder of the prepared index.
        scores: folder with ``scores.csv`` and ``fused.csv``, and the models' learning curves below ``history``.
        facts: what is told of the fold besides (``run_id``, ``seconds``, ``report``).
        figure7: folder of the pictures of what the fold's VGG looks for, where it was trained.
    """

    name: str
    held_out: tuple[str, ...]
    reported: str
    clips: tuple[str, ...]
    prepared: Path
    scores: Path
    facts: Mapping[str, Any]
    figure7: Path | None = None

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
) -> dict[str, Any]:
    """Evaluate all models and fusions on the held-out clips of all folds together.

    Writes into ``folder``: ``scores.csv`` (every model's score vector of every held-out clip), ``fused.csv`` (every
    fusion's, each fitted within its fold on the honest scores of the train clips), ``evaluation.json``, ``history``
    (a learning curve for each model, with a line for each fold's final model) and ``report.html``. Figure 7 is that of
    the first fold that has one: every fold has networks of its own.

    Args:
        folds: of one protocol.
        protocol: its name.
        settings: of the trainings.
        folder: where the evaluation goes.
        store: root of the prepared store, for pictures of faces.
        facts: digests for the report, besides those of the data and the settings.

    Returns:
        The evaluation as :func:`affekt.report.document.evaluate_table` gives it for the pooled clips, with
        ``protocol``, ``folds`` (name, held_out, clips, accuracy, and the accuracy of each of ``models`` and ``fusion``,
        and under ``person`` of the fusions' answers adapted to each person) and
        ``mean_of_folds`` (mean and standard deviation of the folds' accuracies, each fold counting alike).

    Raises:
        AffektError: a clip was held out twice, or was neither judged nor skipped.
    """
    table = stack_tables(fold.read(SCORES) for fold in folds)
    fused = stack_tables(fold.read(FUSED) for fold in folds)
    if fused.clips != table.clips:
        raise AffektError("the models and the fusions of the folds judged different clips", code="rows_differ")
    fusions = [json.loads((fold.scores / FACTS).read_text(encoding="utf-8")) for fold in folds]
    indices = [PreparedIndex.read(fold.prepared) for fold in folds]
    _refuse_lost(folds, indices, table)
    rows = {row.clip: row for index in indices for row in index}
    skipped = {(item.clip, item.code): item for index in indices for item in index.skipped}
    names = sorted({name for clip in table.clips for name in rows[clip].attributes})
    document = evaluate_table(
        table,
        {name: fused.scores[:, number] for number, name in enumerate(fused.models)},
        settings.fusion.method,
        skipped.values(),
        settings.evaluation,
        seed=settings.seed,
        attributes={name: [rows[clip].attributes.get(name, "") for clip in table.clips] for name in names},
        models_fused=_fused_models([what["models"] for what in fusions]),
        trials=[
            {"fold": fold.name, **trial} for fold, what in zip(folds, fusions, strict=True) for trial in what["trials"]
        ],
    )
    document["protocol"] = protocol
    document["folds"] = _folds(folds, table, fused, settings.fusion.method)
    document["mean_of_folds"] = _mean_of_folds(document["folds"])
    folder.mkdir(parents=True, exist_ok=True)
    table.write(folder / SCORES)
    fused.write(folder / FUSED)
    (folder / EVALUATION).write_text(json.dumps(document, indent=2), encoding="utf-8")
    judged = PreparedIndex(tuple(rows[clip] for clip in table.clips))
    keep_faces(document, judged, Store(store, settings.media), folder / "faces")
    pictures = {
        f"clip:{item['clip']}": file.read_bytes()
        for number, item in enumerate(document["worst"])
        if (file := folder / "faces" / f"{number:02d}.jpg").is_file()
    }
    drawn = next((fold for fold in folds if fold.figure7 and any(fold.figure7.glob("*.png"))), None)
    if drawn and drawn.figure7:
        for file in sorted(drawn.figure7.glob("*.png")):
            pictures[f"{file.stem} (fold {drawn.name})"] = file.read_bytes()
    sample = any(row.attributes.get("source") == SAMPLE_SOURCE for row in judged)
    write_report(
        folder / REPORT,
        evaluation=document,
        history=_histories(folds, folder / "history"),
        settings=settings.to_dict(),
        digests={
            "data": _digest_of_data(folds),
            **(facts or {}),
            "settings": digest_of(settings),
        },
        title=f"affekt: {title_of(protocol)}",
        pictures=pictures,
        notice=SAMPLE_NOTICE if sample else None,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return document


def _fused_models(folds: Sequence[Sequence[str]]) -> list[str]:
    """The models that the folds fused; one that not all of them kept says in how many it is."""
    counts = Counter(name for models in folds for name in models)
    return [
        name if counts[name] == len(folds) else f"{name} ({counts[name]} of {len(folds)} folds)"
        for name in model_names()
        if name in counts
    ]


def _digest_of_data(folds: Sequence[FoldScores]) -> str:
    """Of the clips of all folds as they were prepared: their contents, labels, subjects and splits."""
    return hashlib.sha256(b"".join((fold.prepared / "index.csv").read_bytes() for fold in folds)).hexdigest()


def _histories(folds: Sequence[FoldScores], folder: Path) -> dict[str, Path]:
    """The losses of the final model of every fold, a file for each model; the fold's name is the stage."""
    rows: dict[str, list[dict[str, str]]] = {}
    for fold in folds:
        for path in sorted((fold.scores / "history").glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as file:
                final = (row for row in csv.DictReader(file) if row.get("stage") == FINAL)
                rows.setdefault(path.stem, []).extend({**row, "stage": f"fold {fold.name}"} for row in final)
    folder.mkdir(exist_ok=True)
    found = {}
    for model, lines in rows.items():
        if lines:
            found[model] = folder / f"{model}.csv"
            with found[model].open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(name for line in lines for name in line)))
                writer.writeheader()
                writer.writerows(lines)
    return found


def title_of(protocol: str) -> str:
    """A protocol's name as a reader says it."""
    name, _, count = protocol.partition(":")
    return f"{count} folds of subjects" if count else name.replace("_", " ")


def _refuse_lost(folds: Sequence[FoldScores], indices: Sequence[PreparedIndex], table: ScoreTable) -> None:
    """Every clip that was to be judged has its row, or its reason among the skipped clips."""
    judged = set(table.clips)
    skipped = {item.clip for index in indices for item in index.skipped}
    for fold in folds:
        lost = [clip for clip in fold.clips if clip not in judged and clip not in skipped]
        if lost:
            raise AffektError(
                f"{len(lost)} held-out clips have no score, the first of them {lost[0]!r}",
                code="clips_lost",
                where=f"fold {fold.name}",
            )


def _folds(folds: Sequence[FoldScores], table: ScoreTable, fused: ScoreTable, chosen: str) -> list[dict[str, Any]]:
    """Accuracy of every model and fusion in each fold, of its labelled clips."""
    position = {clip: row for row, clip in enumerate(table.clips)}
    found = []
    for fold in folds:
        rows = [position[clip] for clip in fold.clips if clip in position]
        models, fusions = _accuracies(table.rows(rows)), _accuracies(fused.rows(rows))
        found.append(
            {
                "name": fold.name,
                "held_out": list(fold.held_out),
                "clips": int((table.truth[rows] >= 0).sum()),
                "accuracy": fusions[chosen],
                "models": models,
                "fusion": {name: value for name, value in fusions.items() if PERSON not in name},
                "person": {n.removesuffix(PERSON): value for n, value in fusions.items() if PERSON in n},
                **fold.facts,
            }
        )
    return found


def _accuracies(table: ScoreTable) -> dict[str, float | None]:
    """The share of right answers by model; a clip without an answer is a wrong one, and no clip gives None."""
    if not (table.truth >= 0).any():
        return dict.fromkeys(table.models)
    found: dict[str, float | None] = {}
    for number, name in enumerate(table.models):
        truth, scores, _ = check_scores(table.truth, table.scores[:, number], table.labels, None)
        found[name] = float((predictions(scores) == truth).mean())
    return found


def _mean_of_folds(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def mean(values: Sequence[float | None]) -> dict[str, Any]:
        known = [value for value in values if value is not None]
        return {
            "accuracy": statistics.fmean(known) if known else None,
            "standard_deviation": statistics.stdev(known) if len(known) > 1 else None,
        }

    groups = {
        group: {name: mean([fold[group].get(name) for fold in folds]) for name in folds[0][group]}
        for group in ("models", "fusion", "person")
    }
    return {**mean([fold["accuracy"] for fold in folds]), **groups}
