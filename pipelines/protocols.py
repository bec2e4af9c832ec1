"""An evaluation protocol: the training pipeline once for each fold, and the folds' answers pooled into one report."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt import events
from affekt.checks.leaks import content_digests, refuse_leaks
from affekt.counted import counted
from affekt.dataset import Fold, check_protocol, load_clips, protocol_folds, unit_of
from affekt.errors import DataError
from affekt.home import home
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.kept_folds import fold_keys, held, is_done, kept_fold, train_fold
from affekt.pipelines.protocol_runs import parent_run, put_below, record, runs_of
from affekt.pipelines.runners import HERE, Containers, Processes
from affekt.registry import Tracking
from affekt.report.document import Evaluation
from affekt.statistics import Figures
from affekt.steps.evaluation_folder import EVALUATION, REPORT
from affekt.steps.pool_folds import SCORES, FoldScores, pool_folds
from affekt.steps.step import code_digest


@dataclass(frozen=True)
class ProtocolOutcome:
    """What a protocol found.

    Attributes:
        evaluation: of the pooled clips.
        folder: ``report.html``, ``evaluation.json``, ``scores.csv`` and ``fused.csv``, and the folds below ``folds``.
        run_id: the MLflow run above the folds' runs.
        tracking_uri: where MLflow keeps it, without a login.
        seconds: wall time.
        reused: folds whose trainings were done by an earlier, interrupted run.
    """

    evaluation: Evaluation
    folder: Path
    run_id: str
    tracking_uri: str
    seconds: float
    reused: int

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / REPORT

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values; ``evaluation.json`` has all of them."""
        found = self.evaluation
        whole = found.to_dict()
        person = found.person
        return {
            "protocol": found.protocol,
            "clips": found.figures.clips,
            "subjects": found.figures.subjects,
            "chosen": found.chosen,
            **_told(found.figures),
            "largest_class_share": found.figures.largest_class_share,
            "mean_of_folds": whole["mean_of_folds"],
            "folds": whole["folds"],
            "models": {name: _told(figures) for name, figures in found.models.items()},
            "fusion": {str(key): _told(fusion.figures) for key, fusion in found.fusion.items()},
            "paired": whole["paired"],
            "person": {
                **_told(person.chosen.figures if person.chosen else None),
                "clips": person.chosen.figures.clips if person.chosen else None,
                "people": person.people,
                "alone": person.alone,
                "paired": person.chosen.paired.to_dict() if person.chosen else None,
                "reason": person.reason,
                "methods": {
                    str(key): {**_told(adapted.figures), "paired": adapted.paired.to_dict()}
                    for key, adapted in person.methods.items()
                },
            },
            "skipped": whole["skipped"],
            "registered": False,
            "report": str(self.report),
            "evaluation": str(self.folder / EVALUATION),
            "scores": str(self.folder / SCORES),
            "run_id": self.run_id,
            "tracking_uri": self.tracking_uri,
            "seconds": self.seconds,
            "folds_reused": self.reused,
        }


def _told(figures: Figures | None) -> dict[str, Any]:
    """The figures that the outcome tells of everything."""
    return {
        "accuracy": figures.accuracy if figures else None,
        "accuracy_ci95": list(figures.accuracy_ci95) if figures else None,
        "unweighted_average_recall": figures.unweighted_average_recall if figures else None,
    }


def run_protocol(
    job: TrainingJob, protocol: str, *, say: events.Listener, runner: Processes | Containers = HERE
) -> ProtocolOutcome:
    """Train and evaluate once for each fold of a protocol, on this machine; nothing is registered.

    All folds share the prepared store, so every clip is decoded once. What a fold found is kept under a digest of its
    clips (splits and file contents), the settings, the models, the face images and the code: a run that was
    interrupted goes on with the folds that are missing.

    Args:
        job: what to train; its name is that of the MLflow run.
        protocol: one of :data:`affekt.dataset.PROTOCOLS`.
        say: called with each event of a step.
        runner: in what the steps run.

    Raises:
        SettingsError: there is no such protocol.
        DataError: the clips are wrong or too few, or a subject or a file's content is on both sides of a fold.
        AffektError: a step of a fold failed (the message names the fold), or another process runs the same protocol.
    """
    started = time.monotonic()
    folds, digests = _checked_folds(job, protocol)
    keys = fold_keys(job, folds, digests)
    whole = hashlib.sha256("".join(keys.values()).encode()).hexdigest()[:12]
    folder = home() / "protocols" / f"{job.name}-{protocol.replace(':', '-')}-{whole}"
    tracking = Tracking()
    results: list[FoldScores] = []
    reused = 0
    with held(folder), parent_run(tracking, job, protocol, folder) as run_id:
        for number, fold in enumerate(folds, start=1):
            place = folder / "folds" / keys[fold.name]
            step = f"fold {number}/{len(folds)}"
            count = len(fold.table.select(split=fold.reported))
            say(events.Text(f"{fold.name}: {counted(count, 'clips')} held out", step=step))
            try:
                if is_done(place):
                    reused += 1
                    say(events.Text("was done by an earlier run", step=step))
                else:
                    seconds = train_fold(job, fold, place, say, runner)
                    say(events.Done(seconds, step=step))
            finally:
                put_below(tracking, run_id, place)
            runs = runs_of(tracking, place)
            results.append(kept_fold(fold, place, runs[0].info.run_id if runs else None))
        evaluation = pool_folds(
            results,
            protocol,
            job.settings,
            folder,
            store=str(home() / "store"),
            facts={"folds": whole, "code": code_digest(), "run": run_id},
        )
        record(tracking, run_id, evaluation, folder)
    return ProtocolOutcome(evaluation, folder, run_id, tracking.shown, time.monotonic() - started, reused)


def _checked_folds(job: TrainingJob, protocol: str) -> tuple[list[Fold], dict[str, str]]:
    """The folds of a protocol, none of which learns from what it is evaluated on, and each clip's digest."""
    check_protocol(protocol)
    if unit_of(job.data) == "images":
        raise DataError(
            "holds still images; a protocol deals out clips by subject, and images name none",
            code="no_clips",
            where=job.data,
        )
    clips = load_clips(job.data, leave_out_unlabelled=job.settings.leave_out_unlabelled)
    folds = protocol_folds(clips, protocol, seed=job.settings.seed, val_share=job.settings.val_share)
    digests = content_digests(folds[0].table.clips)  # every fold deals out the same clips
    refuse_leaks({fold.name: fold.table for fold in folds}, digests)
    return folds, digests
