"""``affekt train``: run the training pipeline and say what came of it."""

from __future__ import annotations

import argparse
import json

from affekt.members import MEMBERS
from affekt.settings import load_settings
from pipelines.cli.steps import StepLines
from pipelines.run import Outcome, TrainingJob, run_training, submit_training
from pipelines.runners import Cluster, runner_named


def main(options: argparse.Namespace) -> int:
    """Train, register, decide."""
    job = TrainingJob(
        data=options.data,
        faces=options.faces,
        settings=load_settings(options.preset, options.overrides),
        models=(options.only,) if options.only else MEMBERS,
        name=options.name,
    )
    runner = runner_named(options.runner)
    if isinstance(runner, Cluster):
        submitted = submit_training(job, runner)
        print(json.dumps(submitted.to_dict(), indent=2) if options.json else f"run {submitted.run_id}: {submitted.url}")
        return 0
    outcome = run_training(job, say=StepLines(), runner=runner)
    if options.json:
        print(json.dumps(outcome.to_dict(), indent=2))
    else:
        summarise(outcome)
    return 0


def summarise(outcome: Outcome) -> None:
    """Print what a run produced and where to look."""
    low, high = outcome.accuracy_ci95
    print(f"model        {outcome.name}/{outcome.version}" + (" (champion)" if outcome.promoted else " (challenger)"))
    for reason in outcome.reasons:
        print(f"             {reason}")
    print(f"accuracy     {outcome.accuracy:.1%} on unseen subjects, 95 % interval {low:.1%} to {high:.1%}")
    print(f"time         {outcome.seconds:.0f} s, orchestration {outcome.orchestration_share:.0%} of it")
    print(f"report       {outcome.report}")
    print(f"MLflow       {outcome.mlflow_ui}")
