"""The run on this machine for the library's ``affekt.train``, which finds it by the entry point ``affekt.runners``."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from affekt import events
from affekt.api.trained import Trained
from affekt.pipelines.cli.steps import StepLines
from affekt.pipelines.job import check_data, job_of
from affekt.pipelines.run import artifact, run_training
from affekt.steps.evaluation_folder import read_evaluation

logger = logging.getLogger(__name__)


def train_here(
    data: str, *, faces: str, only: str | None, name: str, preset: str, overrides: Sequence[str], progress: bool
) -> Trained:
    """Run the training pipeline in processes of this machine; arguments and errors as of :func:`affekt.train`."""
    job = job_of(data, faces=faces, only=only, name=name, preset=preset, overrides=list(overrides))
    if said := check_data(job):
        logger.warning(said)
    outcome = run_training(job, say=StepLines() if progress else _silent)
    evaluation = read_evaluation(artifact(outcome.report.parent, "evaluate", "evaluation"))
    return Trained(
        outcome.name, outcome.version, outcome.promoted, outcome.reasons, outcome.report, outcome.run_id, evaluation,
        outcome.to_dict(),
    )  # fmt: skip


def _silent(event: events.Event) -> None:
    """Say nothing; an error is raised all the same."""
