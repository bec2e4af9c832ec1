"""A training run on the runner of choice, from the job's description to its outcome."""

from __future__ import annotations

import logging
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from affekt import events, owner
from affekt.argument_names import flag
from affekt.counted import counted
from affekt.dataset import Unit
from affekt.dataset.several import joined, places_of
from affekt.errors import AffektError
from affekt.home import home
from affekt.json_document import LEFT_OUT, JsonDocument
from affekt.model_names import check_name
from affekt.pipelines.container_owner import ended_with_us, remove_abandoned
from affekt.pipelines.containers import check_image, container_runner, engine, folders_of, in_image
from affekt.pipelines.interrupted import any_interrupted
from affekt.pipelines.job import TrainingJob, settings_of, unit_to_train
from affekt.pipelines.kept_steps import KeptSteps, in_home, kept_steps, key_of
from affekt.pipelines.local import LocalRun, run_locally
from affekt.pipelines.placement import on_this_machine
from affekt.pipelines.profiles.profile import check_shares, read_profile
from affekt.pipelines.runners import HERE, Cluster, Containers, Processes
from affekt.pipelines.side_by_side import environment, networks_beside, threads_of_a_step
from affekt.pipelines.submit import Submitted, submit
from affekt.pipelines.submit_options import NO_OPTIONS, SubmitOptions
from affekt.pipelines.training import training_pipeline
from affekt.registry import Tracking, check_registry, check_store, close_abandoned
from affekt.registry.jobs import reopen
from affekt.steps.gate_outcome import GateOutcome
from affekt.storage import is_remote, secrets_hidden, without_secrets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome(JsonDocument):
    """What a training run produced.

    Attributes:
        name: in the registry.
        version: the registered version.
        promoted: whether it became the champion.
        reasons: the gate's reasons.
        accuracy: of the ensemble on the reported split.
        accuracy_ci95: its interval.
        report: the HTML report.
        run_id: the parent MLflow run.
        tracking_uri: where MLflow keeps it, without a login.
        seconds: wall time.
        steps: wall time of each step's own work.
        orchestration_share: share of the wall time that was no step's own work.
        unit: what the accuracy is of: ``clips`` of unseen subjects, or unseen ``images``.
        deployed: address of the server that answers with the version; None where none was to.
        experiment_id: of the runs, in MLflow.
    """

    name: str
    version: int
    promoted: bool
    reasons: tuple[str, ...]
    accuracy: float
    accuracy_ci95: tuple[float, float]
    report: Path
    run_id: str
    tracking_uri: str
    seconds: float
    steps: dict[str, float]
    orchestration_share: float
    unit: Unit = field(default="clips", metadata={"key": "things"})
    deployed: str | None = field(default=None, metadata=LEFT_OUT)
    experiment_id: str = ""

    @property
    def mlflow_ui(self) -> str:
        """How to look at the run in MLflow: a command, or nothing where a server is there."""
        if self.tracking_uri.startswith(("http://", "https://")):
            return ""
        command = [str(Path(sys.executable).with_name("mlflow")), "ui", "--backend-store-uri", self.tracking_uri]
        # Its jobs are of no use to runs, and leave a lock in the temporary folder.
        return f"MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false {shlex.join(command)}"

    @property
    def mlflow_page(self) -> str:
        """The address of the runs, on the server that is there or on the one that :attr:`mlflow_ui` starts.

        A browser that was not there before opens on traces of language models, whatever kind the experiment is of,
        unless the address says what it is about (MLflow 3.17).
        """
        server = "http://127.0.0.1:5000" if self.mlflow_ui else without_secrets(self.tracking_uri).rstrip("/")
        return f"{server}/#/experiments/{self.experiment_id}?workflowType=machine_learning"


def run_training(
    job: TrainingJob,
    *,
    say: events.Listener,
    runner: Processes | Containers = HERE,
    fresh: bool = False,
    then: Callable[[Outcome], Outcome] = lambda outcome: outcome,
) -> Outcome:
    """Run the training pipeline on this machine and read what it produced.

    A training of the same data, settings and code that was interrupted goes on: its finished steps are not run again.

    Args:
        job: what to train.
        say: called with each event of a step.
        runner: in what the steps run.
        fresh: whether it starts anew all the same.
        then: the last thing that belongs to the training; where it fails or is interrupted, the next start does it.

    Raises:
        AffektError: a step failed, or there is no engine or image for containers.
    """
    tracking = Tracking()
    check_registry(tracking, job.name, registers=True)
    folder = home() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{job.name}"
    _close_abandoned(tracking)
    arguments = _arguments(job, unit_to_train(job.data, job.faces, job.models))
    key = key_of(arguments, job.settings, job.models, type(runner).__name__)
    with kept_steps(folder, key, fresh=fresh, elsewhere=not in_home(tracking.uri)) as kept:
        if kept.found and _reopened(kept, tracking):
            logger.warning(
                "an interrupted training of the same data, settings and code goes on: %s done (%s starts anew)",
                counted(kept.found, "steps"),
                flag("fresh", "train"),
            )
        run = run_pipeline(job, kept.folder, say=say, runner=runner, kept=kept)
        outcome = then(_outcome(job, run, tracking))
        kept.complete()
    return outcome


def is_interrupted(job: TrainingJob, *, runner: Processes | Containers = HERE) -> bool:
    """Whether a training of the same data, settings and code was interrupted, so that a start goes on with it."""
    arguments = _arguments(job, unit_to_train(job.data, job.faces, job.models))
    key = key_of(arguments, job.settings, job.models, type(runner).__name__)
    return any_interrupted(home() / "runs", key)


def _close_abandoned(tracking: Tracking) -> None:
    for said in close_abandoned(tracking):
        logger.warning("%s", said)


def _reopened(kept: KeptSteps, tracking: Tracking) -> bool:
    """Open the MLflow run of an interrupted training again; where it is gone, its steps do not count either."""
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    try:
        run_id = kept.run_id()
        if run_id and tracking.client.get_run(run_id).info.lifecycle_stage == "active":
            reopen(tracking, run_id, owner.this_process())
            return True
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    kept.forget()
    return False


def run_pipeline(
    job: TrainingJob,
    folder: Path,
    *,
    say: events.Listener,
    runner: Processes | Containers = HERE,
    registered: bool = True,
    kept: KeptSteps | None = None,
) -> LocalRun:
    """Run the training pipeline on this machine.

    Args:
        job: what to train.
        folder: where artifacts and the log go.
        say: called with each event of a step.
        runner: in what the steps run.
        registered: whether the ensemble is registered and the gate decides on it.
        kept: the steps of it that are done.

    Raises:
        AffektError: a step failed, or there is no engine or image for containers.
    """
    check_store(str(home() / "store"))
    if kept is None:
        _close_abandoned(Tracking())
    unit = unit_to_train(job.data, job.faces, job.models)
    arguments = _arguments(job, unit)

    def pipeline(place: Callable[[Any], Any]) -> Callable[..., Any]:
        # One shard at a time: each uses all cores by itself.
        return training_pipeline(job.models, unit=unit, place=place, parallel_shards=1, registered=registered)

    threads = threads_of_a_step(networks_beside(job.models))
    if isinstance(runner, Containers):
        check_image(runner.image)
        folders = folders_of(arguments["data"], arguments["faces"], job.settings)
        in_containers = container_runner(home(), folders, environment(threads))
        with engine() as client, ended_with_us():
            for said in remove_abandoned(client):
                logger.warning("%s", said)
            in_its_image = pipeline(in_image(runner.image))
            return run_locally(
                in_its_image, arguments, folder, say=say, runner=in_containers, kept=kept, threads=threads
            )
    return run_locally(pipeline(on_this_machine), arguments, folder, say=say, kept=kept, threads=threads)


def _arguments(job: TrainingJob, unit: Unit) -> dict[str, Any]:
    """The pipeline's arguments on this machine."""
    return {
        "data": _absolute(job.data),
        "faces": _absolute(job.faces),
        "settings": settings_of(job.settings, unit).to_json(),
        "name": job.name,
        "store": str(home() / "store"),
        "tracking_uri": Tracking().uri,
        "clips_per_shard": 1024,
    }


def submit_training(job: TrainingJob, cluster: Cluster, options: SubmitOptions = NO_OPTIONS) -> Submitted:
    """Hand the training over to a cluster, and return at once.

    Raises:
        AffektError: the cluster cannot be reached, or the job names places that it cannot see.
    """
    unit, arguments = cluster_arguments(job)
    check_shares(read_profile(options.profile), job.models, job.settings)
    return submit(cluster, job.models, arguments, name=job.name, unit=unit, options=options)


def cluster_arguments(job: TrainingJob) -> tuple[Unit, dict[str, Any]]:
    """What the data set of a job holds, and the arguments of its pipeline on a cluster, without the store.

    Raises:
        AffektError: the registry takes no such name, or data and models do not go together.
    """
    check_name(job.name)
    unit = unit_to_train(job.data, job.faces, job.models, elsewhere=True)
    places = {"data": job.data, "faces": job.faces, "settings": settings_of(job.settings, unit).to_json()}
    for what, text in places.items():
        if secrets_hidden(text) != text:
            logger.warning(
                "%s: an address with a login or a signature; whoever sees the run in Kubeflow sees the signature. An "
                "s3:// address is read with the secret affekt-storage",
                what,
            )
    return unit, {**places, "name": job.name, "tracking_uri": Tracking().uri}


def _absolute(uri: str) -> str:
    places = [place if not place or is_remote(place) else str(Path(place).resolve()) for place in places_of(uri)]
    return joined(places)


def _outcome(job: TrainingJob, run: LocalRun, tracking: Any) -> Outcome:
    found = GateOutcome.read(artifact(run.folder, "gate", "decision"))
    report = run.folder / "report.html"
    shutil.copyfile(artifact(run.folder, "gate", "report"), report)
    return Outcome(
        name=job.name,
        version=found.version,
        promoted=found.decision.promote,
        reasons=tuple(found.decision.reasons),
        accuracy=found.accuracy,
        accuracy_ci95=found.accuracy_ci95,
        report=report,
        run_id=found.run_id,
        tracking_uri=tracking.shown,
        seconds=run.seconds,
        steps=run.steps,
        orchestration_share=run.orchestration_share,
        unit=found.unit,
        experiment_id=tracking.experiment_id,
    )


def artifact(folder: Path, task: str, name: str) -> Path:
    """Where a task of the run of a folder left an artifact.

    Raises:
        AffektError: it left none.
    """
    found = sorted((folder / "artifacts").glob(f"*/{task}/{name}"))
    if not found:
        raise AffektError(f"the pipeline left no artifact {task}/{name} below {folder}", code="no_artifact")
    return found[-1]
