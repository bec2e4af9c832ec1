"""An evaluation protocol: the training pipeline once for each fold, and the folds' answers pooled into one report."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from affekt import events
from affekt.checks.leaks import content_digests, refuse_leaks
from affekt.counted import counted
from affekt.dataset import Fold, check_protocol, load_clips, protocol_folds, unit_of
from affekt.errors import AffektError, DataError, rebuilt
from affekt.home import home
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import artifact, run_pipeline
from affekt.pipelines.runners import HERE, Containers, Processes
from affekt.registry import Tracking
from affekt.report.document import Evaluation
from affekt.statistics import Figures
from affekt.steps.evaluation_folder import EVALUATION, FIGURE7, REPORT
from affekt.steps.pool_folds import FUSED, SCORES, FoldScores, pool_folds
from affekt.steps.step import code_digest
from affekt.storage import appearing, file_digest, is_remote, list_entries, open_local

#: A folder of its own, since containers see the folder of their data read-only.
_CLIPS = "input/clips.csv"
_PREPARED, _SCORES, _DONE = "prepared", "scores", "fold.json"


@dataclass(frozen=True)
class ProtocolOutcome:
    """What a protocol found.

    Attributes:
        evaluation: of the pooled clips.
        folder: ``report.html``, ``evaluation.json``, ``scores.csv`` and ``fused.csv``, and the folds below ``folds``.
        run_id: the MLflow run above the folds' runs.
        tracking_uri: where MLflow keeps it.
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
    check_protocol(protocol)
    if unit_of(job.data) == "images":
        raise DataError(
            "holds still images; a protocol deals out clips by subject, and images name none",
            code="no_clips",
            where=job.data,
        )
    folds = protocol_folds(load_clips(job.data), protocol, seed=job.settings.seed, val_share=job.settings.val_share)
    digests = content_digests(folds[0].table.clips)  # every fold deals out the same clips
    refuse_leaks({fold.name: fold.table for fold in folds}, digests)
    keys = _keys(job, folds, digests)
    whole = hashlib.sha256("".join(keys.values()).encode()).hexdigest()[:12]
    folder = home() / "protocols" / f"{job.name}-{protocol.replace(':', '-')}-{whole}"
    tracking = Tracking()
    results: list[FoldScores] = []
    reused = 0
    with _alone(folder), _parent_run(tracking, job, protocol, folder) as run_id:
        for number, fold in enumerate(folds, start=1):
            place = folder / "folds" / keys[fold.name]
            step = f"fold {number}/{len(folds)}"
            held = len(fold.table.select(split=fold.reported))
            say(events.Text(f"{fold.name}: {counted(judged, 'clips')} held out", step=step))
            try:
                if (place / _DONE).is_file():
                    reused += 1
                    say(events.Text("was done by an earlier run", step=step))
                else:
                    seconds = _train(job, fold, place, say, runner)
                    say(events.Done(seconds, step=step))
            finally:
                _put_below(tracking, run_id, place)
            results.append(_result(fold, place, tracking))
        evaluation = pool_folds(
            results,
            protocol,
            job.settings,
            folder,
            store=str(home() / "store"),
            facts={"folds": whole, "code": code_digest(), "run": run_id},
        )
        _record(tracking, run_id, evaluation, folder)
    return ProtocolOutcome(evaluation, folder, run_id, tracking.uri, time.monotonic() - started, reused)


def _keys(job: TrainingJob, folds: Sequence[Fold], digests: Mapping[str, str]) -> dict[str, str]:
    """The digest under which each fold's outcome is kept, by the fold's name."""
    common = [job.settings.to_json(), list(job.models), _listing(job.faces), code_digest()]
    keys = {}
    for fold in folds:
        rows = [
            [clip.id, digests[clip.id], clip.label, clip.subject, clip.split, clip.attributes] for clip in fold.table
        ]
        text = json.dumps([rows, *common], sort_keys=True)
        keys[fold.name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return keys


def _listing(faces: str) -> list[Any]:
    """What tells one set of face images from another: names and sizes in a folder, the content of a single file."""
    if not faces:
        return []
    if is_remote(faces) or Path(faces).is_dir():
        return sorted([entry.path, entry.size] for entry in list_entries(faces))
    with open_local(faces) as path:
        return [file_digest(path)]


def _train(job: TrainingJob, fold: Fold, place: Path, say: events.Listener, runner: Processes | Containers) -> float:
    """Run the pipeline on a fold and keep what its evaluation needs; the models are removed. Returns the seconds."""
    shutil.rmtree(place, ignore_errors=True)  # of a run that was interrupted
    (place / _CLIPS).parent.mkdir(parents=True)
    fold.table.write(place / _CLIPS)
    of_fold = replace(job, data=str(place / _CLIPS), name=f"{job.name} {fold.name}")
    try:
        run = run_pipeline(of_fold, place / "run", say=say, runner=runner, registered=False)
    except AffektError as error:
        where = f"fold {fold.name!r}" + (f", {error.where}" if error.where else "")
        raise rebuilt(type(error).__name__, error.message, error.code, where) from error
    shutil.copytree(artifact(run.folder, "collect", "prepared"), place / _PREPARED)
    shutil.copytree(artifact(run.folder, "fit-fusion", "scores"), place / _SCORES)
    shutil.copyfile(artifact(run.folder, "evaluate", "report"), place / REPORT)
    if (drawn := artifact(run.folder, "evaluate", "evaluation") / FIGURE7).is_dir():
        shutil.copytree(drawn, place / FIGURE7)
    shutil.rmtree(run.folder / "artifacts")  # two networks of 100 million parameters a fold fill a disk
    with appearing(place / _DONE) as part:
        part.write_text(json.dumps({"name": fold.name, "seconds": run.seconds}), encoding="utf-8")
    return run.seconds


def _result(fold: Fold, place: Path, tracking: Tracking) -> FoldScores:
    facts = json.loads((place / _DONE).read_text(encoding="utf-8"))
    runs = _runs_of(tracking, place)
    return FoldScores(
        fold.name,
        fold.held_out,
        fold.reported,
        tuple(clip.id for clip in fold.table.select(split=fold.reported)),
        place / _PREPARED,
        place / _SCORES,
        figure7=place / FIGURE7 if (place / FIGURE7).is_dir() else None,
        seconds=facts["seconds"],
        run_id=runs[0].info.run_id if runs else None,
        report=str(place / REPORT),
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the protocol's folder: two processes would remove each other's folds."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AffektError(
                "another process runs this protocol on the same clips; wait for it", code="busy", where=str(folder)
            ) from error
        yield


@contextmanager
def _parent_run(tracking: Tracking, job: TrainingJob, protocol: str, folder: Path) -> Iterator[str]:
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
    else:
        tags = {"affekt.protocol": protocol, "affekt.data": job.data, "affekt.code": code_digest()}
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


def _runs_of(tracking: Tracking, place: Path) -> list[Any]:
    """The MLflow runs of the trainings of a fold, the newest first."""
    ours = f"tags.`affekt.data` LIKE '%/{place.name}/{_CLIPS}'"
    return list(tracking.client.search_runs([tracking.experiment_id], ours, order_by=["attributes.start_time DESC"]))


def _put_below(tracking: Tracking, parent_id: str, place: Path) -> None:
    """Put a fold's runs below the protocol's, and close those that a stopped training left open."""
    for run in _runs_of(tracking, place):
        tracking.client.set_tag(run.info.run_id, "mlflow.parentRunId", parent_id)
        if run.info.status == "RUNNING":
            tracking.finish_job(run.data.tags["affekt.job"], "KILLED")


def _record(tracking: Tracking, run_id: str, evaluation: Evaluation, folder: Path) -> None:
    """The pooled figures, each fold's accuracy as a step, and the files, in the protocol's MLflow run."""
    with tracking.run(run_id) as run:
        run.log(evaluation.scalars())
        for number, fold in enumerate(evaluation.folds or ()):
            if fold.accuracy is not None:
                run.log({"fold_accuracy": fold.accuracy}, number)
        for name in (REPORT, EVALUATION, SCORES, FUSED):
            run.artifact(folder / name)
