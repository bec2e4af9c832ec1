"""The parent run of a pipeline run: opened once, however often that is tried, and closed by how the pipeline ended."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from affekt import owner
from affekt.errors import AffektError
from affekt.registry.tracking import ChildRun, Tracking
from affekt.storage import secrets_hidden

if TYPE_CHECKING:
    from mlflow.entities import Run

#: The tag of a parent run with the identifier of the pipeline run.
JOB = "affekt.job"
#: The tag that the last step of a training sets on the parent run.
DECIDED = "affekt.promoted"
#: The tag of a run with the process that it belongs to (:mod:`affekt.owner`).
OWNER = "affekt.owner"
#: States of ``PipelineTaskFinalStatus``: the open-source backend says COMPLETE where Vertex and the local runner say
#: SUCCEEDED, and newer ones have the other two.
_WELL = ("COMPLETE", "SUCCEEDED", "CACHED", "SKIPPED")
_BADLY = ("FAILED", "ERROR")
_STOPPED = ("CANCELED", "CANCELLED", "CANCELING", "KILLED")


def open_job(tracking: Tracking, name: str, job: str, params: Mapping[str, Any], tags: Mapping[str, Any]) -> str:
    """The parent run of a pipeline run: the one that an earlier try of the same step opened, else a new one.

    Args:
        tracking: where.
        name: of a new run, with the time added.
        job: identifier of the pipeline run.
        params: the settings; those of an earlier try are the same.
        tags: further tags of a new run.

    Returns:
        The run's id; it is open.

    Raises:
        AffektError: ``job_unresolved``: the backend handed on the placeholder instead of the identifier, by which runs
            of different pipelines would be taken for one.
    """
    if "{{" in job:
        raise AffektError(
            "this backend of Kubeflow Pipelines does not say which run this is; expected version 2.17 or later",
            code="job_unresolved",
            where=job,
        )
    known = _run_of(tracking, job)
    owned = {OWNER: mine} if (mine := os.environ.get(owner.VARIABLE)) else {}
    if known is None:
        return tracking.start_parent(name, params, {JOB: job, **owned, **tags})
    run_id = str(known.info.run_id)
    reopen(tracking, run_id, os.environ.get(owner.VARIABLE, ""))
    ChildRun(tracking, run_id).params(params)
    return run_id


def job_run(tracking: Tracking, job: str) -> Run | None:
    """The parent run of a pipeline run; None where none was opened."""
    return _run_of(tracking, job)


def was_decided_on(tracking: Tracking, run_id: str) -> bool:
    """Whether the gate decided on what a run registered, or may yet; False where the run ended before."""
    from mlflow.exceptions import MlflowException  # heavy: mlflow

    try:
        run = tracking.client.get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return True  # nobody knows
        raise
    return run.info.status == "RUNNING" or DECIDED in run.data.tags


def last_failure(tracking: Tracking, run_id: str) -> Run | None:
    """The child of a parent run that failed last; None where none did."""
    failed = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'FAILED'"
    found = tracking.client.search_runs(
        [tracking.experiment_id], failed, order_by=["attributes.start_time DESC"], max_results=1
    )
    return found[0] if found else None


def reopen(tracking: Tracking, run_id: str, mine: str = "") -> None:
    """Let a run go on, for its new owner where one is named."""
    tracking.client.update_run(run_id, status="RUNNING")
    if mine:
        tracking.client.set_tag(run_id, OWNER, mine)


def close_job(tracking: Tracking, job: str, state: str, reason: str = "") -> str:
    """Close the parent run of a pipeline run, and its children that a dead step left open.

    Args:
        tracking: where.
        job: identifier of the pipeline run.
        state: how the pipeline ended, in the words of any backend. One that is no end, such as the RUNNING that
            backends report after a loop, says nothing: what the steps left in the run then does.
        reason: the backend's word on a failure.

    Returns:
        A sentence on what was closed and how.
    """
    run = _run_of(tracking, job)
    if run is None:
        return "no MLflow run was opened"
    run_id = str(run.info.run_id)
    status, why = _status_of(state, decided=DECIDED in run.data.tags)
    _close_children(tracking, run_id, "KILLED" if status == "KILLED" else "FAILED")
    # What a person or an interrupt has closed stays so, unless the pipeline went on and came to a good end.
    if run.info.status != "RUNNING" and (status != "FINISHED" or run.info.status == status):
        return f"MLflow run {run_id} was {run.info.status.lower()} already"
    if reason and status != "FINISHED":
        tracking.client.set_tag(run_id, "error", reason[:500])
    tracking.finish(run_id, status)
    return f"MLflow run {run_id} {status.lower()}{why}"


def name_failed(tracking: Tracking, job: str, step: str, why: str, status: str = "FAILED", *, code: str = "") -> None:
    """Let the failed step of a pipeline run have a child run that says so, also where it died before it opened one.

    Args:
        tracking: where.
        job: identifier of the pipeline run.
        step: that failed.
        why: as a sentence.
        status: MLflow's, of a child run that is made.
        code: of the error.
    """
    run = _run_of(tracking, job)
    if run is None:
        return
    run_id = str(run.info.run_id)
    below = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status != 'FINISHED'"
    children = tracking.client.search_runs([tracking.experiment_id], below)
    of_it = [child for child in children if child.info.run_name == step]
    if of_it and "error" in of_it[0].data.tags:
        return
    child = str(of_it[0].info.run_id) if of_it else tracking.start_child(run_id, step)
    tracking.client.set_tag(child, "error", secrets_hidden(why)[:500])
    if code:
        tracking.client.set_tag(child, "affekt.error", code)
    if not of_it:
        tracking.finish(child, status)


def close_abandoned(tracking: Tracking) -> list[str]:
    """Close the runs whose owner is a process of this machine that is gone, with their children.

    Returns:
        A sentence on each.
    """
    if tracking.is_new:
        return []
    said = []
    for run in tracking.client.search_runs([tracking.experiment_id], "attributes.status = 'RUNNING'"):
        tag = run.data.tags.get(OWNER, "")
        if tag and owner.is_gone(tag):
            run_id = str(run.info.run_id)
            _close_children(tracking, run_id, "KILLED")
            tracking.client.set_tag(run_id, "error", "its process was gone")
            tracking.finish(run_id, "KILLED")
            said.append(
                f"the MLflow run {run.info.run_name} ({run_id}) was left open by a process that is gone: closed"
            )
    return said


def _close_children(tracking: Tracking, run_id: str, status: str) -> None:
    children = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'"
    for child in tracking.client.search_runs([tracking.experiment_id], children):
        tracking.finish(child.info.run_id, status)


def _run_of(tracking: Tracking, job: str) -> Run | None:
    quoted = job.replace("'", "")
    found = tracking.client.search_runs([tracking.experiment_id], f"tags.`{JOB}` = '{quoted}'", max_results=1)
    return found[0] if found else None


def _status_of(state: str, *, decided: bool) -> tuple[str, str]:
    """MLflow's status for a pipeline's state, and what a person should know of how it was found."""
    word = (state or "").upper()
    if word in _WELL:
        return "FINISHED", ""
    if word in _BADLY:
        return "FAILED", ""
    if word in _STOPPED:
        return "KILLED", ""
    there = "the gate's decision is there" if decided else "there is no decision of the gate"
    return "FINISHED" if decided else "FAILED", f": the backend says {state!r}, which is no end, and {there}"
