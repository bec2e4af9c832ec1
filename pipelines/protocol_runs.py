"""A protocol in MLflow: one run with the pooled figures, and below it the runs of the folds' trainings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from affekt import owner
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.kept_folds import CLIPS
from affekt.registry import Tracking, close_job
from affekt.registry.jobs import OWNER
from affekt.report.document import Evaluation
from affekt.steps.evaluation_folder import EVALUATION, REPORT
from affekt.steps.pool_folds import FUSED, SCORES
from affekt.steps.step import code_digest


@contextmanager
def parent_run(tracking: Tracking, job: TrainingJob, protocol: str, folder: Path) -> Iterator[str]:
    """The MLflow run of the protocol: that of an interrupted run is opened again."""
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    note = folder / "run.json"
    run_id = json.loads(note.read_text(encoding="utf-8"))["run_id"] if note.is_file() else ""
    try:
        known = bool(run_id) and tracking.client.get_run(run_id).info.lifecycle_stage == "active"
    except MlflowException:  # another registry, or one that was cleared
        known = False
    if known:
        tracking.client.update_run(run_id, "RUNNING")
        tracking.client.set_tag(run_id, OWNER, owner.this_process())
    else:
        tags = {
            "affekt.protocol": protocol,
            "affekt.data": job.data,
            "affekt.code": code_digest(),
            OWNER: owner.this_process(),
        }
        run_id = tracking.start_parent(f"{job.name} {protocol}", {**job.settings.flat(), "protocol": protocol}, tags)
        note.write_text(json.dumps({"run_id": run_id}), encoding="utf-8")
    try:
        yield run_id
    except KeyboardInterrupt:
        tracking.finish(run_id, "KILLED")
        raise
    except BaseException:
        tracking.finish(run_id, "FAILED")
        raise
    tracking.finish(run_id)


def runs_of(tracking: Tracking, place: Path) -> list[Any]:
    """The MLflow runs of the trainings of a fold, the newest first."""
    ours = f"tags.`affekt.data` LIKE '%/{place.name}/{CLIPS}'"
    return list(tracking.client.search_runs([tracking.experiment_id], ours, order_by=["attributes.start_time DESC"]))


def put_below(tracking: Tracking, parent_id: str, place: Path) -> None:
    """Put a fold's runs below the protocol's, and close those that a stopped training left open."""
    for run in runs_of(tracking, place):
        tracking.client.set_tag(run.info.run_id, "mlflow.parentRunId", parent_id)
        if run.info.status == "RUNNING":
            close_job(tracking, run.data.tags["affekt.job"], "KILLED")


def record(tracking: Tracking, run_id: str, evaluation: Evaluation, folder: Path) -> None:
    """The pooled figures, each fold's accuracy as a step, and the files, in the protocol's MLflow run."""
    with tracking.run(run_id) as run:
        run.log(evaluation.scalars())
        for number, fold in enumerate(evaluation.folds or ()):
            if fold.accuracy is not None:
                run.log({"fold_accuracy": fold.accuracy}, number)
        for name in (REPORT, EVALUATION, SCORES, FUSED):
            run.artifact(folder / name)
