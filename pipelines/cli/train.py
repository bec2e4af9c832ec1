"""``affekt train``: run the training pipeline and say what came of it."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from affekt.counted import counted
from affekt.errors import UsageError
from affekt.home import home
from affekt.pipelines.cli.data_sets import data_meant
from affekt.pipelines.cli.remarks import remark
from affekt.pipelines.cli.steps import StepLines
from affekt.pipelines.interrupted import any_interrupted
from affekt.pipelines.job import TrainingJob, check_data, job_of
from affekt.pipelines.runners import Cluster, Runner, check_reachable_from_pods, runner_named
from affekt.steps.when import When

if TYPE_CHECKING:
    from affekt.pipelines.protocols import ProtocolOutcome
    from affekt.pipelines.run import Outcome


def main(options: argparse.Namespace) -> int:
    """Train, register, decide."""
    runner = runner_named(options.runner)
    if refused := _refused(options):
        raise UsageError(refused, code="usage")
    when = when_of(options)
    if options.deploy:
        from affekt.pipelines.cli.deploy import deploy_promoted, server_at  # heavy: what serves

        server_at(options.deploy)
    job = job_of(
        data_meant(options),
        faces=options.faces,
        only=options.only,
        name=options.name,
        preset=options.preset,
        overrides=[*(["leave_out_unlabelled=true"] if when else []), *options.overrides],
        elsewhere=isinstance(runner, Cluster),
    )
    if isinstance(runner, Cluster):
        check_reachable_from_pods(runner, data=job.data, faces=job.faces)
    if when is not None and not _goes_on(job, runner, options):
        from affekt.pipelines.worth_while import look  # heavy: what is registered

        looked = look(job, when, store=runner.store if isinstance(runner, Cluster) else "")
        if not looked.trains:
            print(json.dumps(looked.to_dict(), indent=2) if options.json else looked.why)
            return 0
        remark(f"affekt: {looked.why}")
    # A protocol makes its own splits, and refuses leaks between them itself.
    if not isinstance(runner, Cluster) and (said := check_data(job, splits_given=not options.protocol)):
        remark(f"affekt: {said}")
    from affekt.pipelines.run import run_training, submit_training  # heavy: kfp, after all that may be refused

    if isinstance(runner, Cluster):
        submitted = submit_training(job, runner)
        print(json.dumps(submitted.to_dict(), indent=2) if options.json else f"run {submitted.run_id}: {submitted.url}")
        return 0
    if options.protocol:
        from affekt.pipelines.protocols import run_protocol  # heavy: torch, and only --protocol needs it

        found = run_protocol(job, options.protocol, say=StepLines(), runner=runner)
        if options.json:
            print(json.dumps(found.to_dict(), indent=2))
        else:
            show_protocol(found)
        return 0

    def then(outcome: Outcome) -> Outcome:
        if options.deploy and outcome.promoted and deploy_promoted(options.deploy, outcome.name, outcome.version):
            return replace(outcome, deployed=options.deploy)
        return outcome

    outcome = run_training(job, say=StepLines(), runner=runner, fresh=options.fresh, then=then)
    if options.json:
        print(json.dumps(outcome.to_dict(), indent=2))
    else:
        summarise(outcome)
    return 0


def _goes_on(job: TrainingJob, runner: Runner, options: argparse.Namespace) -> bool:
    """Whether this start finishes an interrupted one, which was found to be worth while."""
    if isinstance(runner, Cluster) or options.fresh or not any_interrupted(home() / "runs"):
        return False
    from affekt.pipelines.run import is_interrupted  # heavy: kfp, and most starts have none to go on with

    return is_interrupted(job, runner=runner)


def _refused(options: argparse.Namespace) -> str:
    """Why these flags cannot be used together; empty where they can."""
    if options.runner == "cluster" and options.protocol:
        return "--protocol runs on this machine; choose --runner local or docker"
    if options.fresh and options.runner == "cluster":
        return (
            "--fresh leaves aside what an interrupted training of this machine did; a cluster starts anew, leave it out"
        )
    if options.fresh and options.protocol:
        return "--fresh starts one training anew, and --protocol keeps the folds that are done; leave one of them out"
    if options.deploy and options.runner == "cluster":
        return "--deploy puts the version into a server of this machine, which a cluster does not see; leave it out"
    if options.deploy and options.protocol:
        return "--protocol registers nothing that could be deployed; leave out --deploy"
    gate = [override.partition("=")[0] for override in options.overrides if override.strip().startswith("gate.")]
    if gate and options.protocol:
        return f"--protocol registers nothing, so that no gate decides; leave out --set {gate[0]}"
    return ""


def when_of(options: argparse.Namespace) -> When | None:
    """What makes this training worth while; None where nothing was said.

    Raises:
        UsageError: it is not understood, or does not go together with what else is asked for.
    """
    if not options.when:
        return None
    if options.protocol:
        raise UsageError("--protocol compares with no champion; leave out --when", code="usage")
    try:
        return When.parse(options.when)
    except ValueError as error:
        raise UsageError(f"--when: {error}", code="usage") from error


def summarise(outcome: Outcome) -> None:
    """Print what a run produced and where to look."""
    low, high = outcome.accuracy_ci95
    print(f"model        {outcome.name}/{outcome.version}" + (" (champion)" if outcome.promoted else " (challenger)"))
    for reason in outcome.reasons:
        print(f"             {reason}")
    print(f"accuracy     {outcome.accuracy:.1%} on unseen {outcome.unit}, 95 % interval {low:.1%} to {high:.1%}")
    print(f"time         {outcome.seconds:.0f} s, orchestration {outcome.orchestration_share:.0%} of it")
    if outcome.deployed:
        print(f"deployed     {outcome.deployed} answers with it")
    print(f"report       {outcome.report}")
    if outcome.mlflow_ui:
        print(f"MLflow       {outcome.mlflow_ui}")
    print(f"{'' if outcome.mlflow_ui else 'MLflow':12} in a browser: {outcome.mlflow_page}")


def show_protocol(outcome: ProtocolOutcome) -> None:
    """Print what a protocol found: a line a fold, the models, and the fusion over all folds."""
    from affekt.report.wording import points, points_interval  # heavy: scipy, which a refusal does not need

    evaluation = outcome.evaluation
    found, folds, mean = evaluation.figures, evaluation.folds or (), evaluation.mean_of_folds
    width = max(12, *(len(name) for name in [*evaluation.models, *(fold.name for fold in folds)]))
    for fold in folds:
        print(f"{fold.name:<{width}}  {_percent(fold.accuracy)} of {counted(fold.clips, 'clips')}")
    for name, figures in evaluation.models.items():
        print(f"{name:<{width}}  {_percent(figures.accuracy)}")
    low, high = found.accuracy_ci95
    print(f"protocol     {evaluation.protocol}, {counted(len(folds), 'folds')}, {outcome.reused} of an earlier run")
    print(f"accuracy     {found.accuracy:.1%} ({evaluation.chosen}), 95 % interval {low:.1%} to {high:.1%}")
    if mean and mean.chosen.standard_deviation is not None:
        print(
            f"             mean of the folds {_percent(mean.chosen.accuracy).strip()}, "
            f"standard deviation {mean.chosen.standard_deviation:.1%}"
        )
    if evaluation.person.chosen:
        adapted = evaluation.person.chosen
        print(
            f"             with each person's other clips, unlabelled: {adapted.figures.accuracy:.1%}, "
            f"{points(adapted.paired.difference)} points ({points_interval(adapted.paired.ci95)})"
        )
    print(f"report       {outcome.report}")
    print("             nothing was registered: a protocol evaluates; `affekt train` without it registers a model")


def _percent(share: float | None) -> str:
    return "    –" if share is None else f"{share:>6.1%}"
