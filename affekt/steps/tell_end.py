"""Tells of the end of a scheduled pipeline run by what its steps left in MLflow: what came of it, where it failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from affekt.notify import EVENT, Ended, Notify, tell
from affekt.registry import Tracking
from affekt.registry.jobs import DECIDED, job_run, last_failure
from affekt.storage import secrets_hidden

if TYPE_CHECKING:
    from mlflow.entities import Run

logger = logging.getLogger(__name__)


def tell_end(notify: str, tracking: Tracking, job: str, state: str, message: str = "") -> bool:
    """Tell who is to hear of a run's end; what does not arrive is logged and changes nothing else.

    Args:
        notify: JSON of :class:`affekt.notify.Notify`, and ``schedule``, its name.
        tracking: where the steps recorded what they did.
        job: identifier of the pipeline run.
        state: how the pipeline ended, in the words of its backend.
        message: the backend's word on a failure.

    Returns:
        Whether all who were to hear of it did.
    """
    values = json.loads(notify)
    schedule = str(values.pop("schedule", ""))
    who = Notify.of(values)
    # The step may be tried again after it told.
    return tell(who, ended(tracking, schedule, job, state, message, clip_names=who.clip_names), identity=f"msg_{job}")


def ended(tracking: Tracking, schedule: str, job: str, state: str, message: str, *, clip_names: bool) -> Ended:
    """What is told of a pipeline run; arguments as of :func:`tell_end`, and whether an error's sentence is told."""
    run = job_run(tracking, job)
    tags: Mapping[str, str] = run.data.tags if run else {}
    result, version, why, code, step = "failed", "", message, "", ""
    if tags.get("affekt.kind") == "nothing_to_do":
        result, why = "nothing_to_do", tags.get("affekt.why", "")
    elif DECIDED in tags:
        result = "promoted" if tags[DECIDED] == "True" else "refused"
        version, why = tags.get("affekt.model", ""), tags.get("affekt.reason", "")
    elif run and (child := last_failure(tracking, run.info.run_id)):
        step, code = child.info.run_name, child.data.tags.get("affekt.error", "")
        why = child.data.tags.get("error", message)
    if not code and result == "failed" and state.upper().startswith(("CANCEL", "KILL")):
        code = "stopped"
    known = f", MLflow run {run.info.run_id}" if run else ""
    shown = "" if result == "failed" and not clip_names else secrets_hidden(why.partition("\n")[0])
    return Ended(
        EVENT, schedule, job, result, version, shown, code, step,
        due="", started=_started(run), ended=datetime.now(UTC).isoformat(timespec="seconds"),
        log=f"Kubeflow run {job}{known}",
    )  # fmt: skip


def _started(run: Run | None) -> str:
    if run is None:
        return ""
    return datetime.fromtimestamp(run.info.start_time / 1000, UTC).isoformat(timespec="seconds")
