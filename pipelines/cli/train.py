"""``affekt train``: run the training pipeline and say what came of it."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from affekt.check import check_before, remarks
from affekt.counted import counted
from affekt.dataset import Unit
from affekt.errors import UsageError
from affekt.extensions import members_needed, model_names, model_spec
from affekt.media.functionals import offers_frames
from affekt.pipelines.cli.remarks import remark
from affekt.pipelines.cli.steps import StepLines
from affekt.pipelines.job import TrainingJob, unit_to_train
from affekt.pipelines.run import Outcome, run_training, submit_training
from affekt.pipelines.runners import Cluster, runner_named
from affekt.report.wording import points, points_interval
from affekt.settings import Settings, load_settings

if TYPE_CHECKING:
    from affekt.pipelines.protocols import ProtocolOutcome


def main(options: argparse.Namespace) -> int:
    """Train, register, decide."""
    runner = runner_named(options.runner)
    models: tuple[str, ...] = (options.only,) if options.only else model_names()
    if options.faces and not any(model_spec(name).learns_from_images for name in members_needed(models)):
        raise UsageError(f"{', '.join(models)} learns nothing from face images; leave out --faces", code="usage")
    unit = unit_to_train(options.data, options.faces, models, elsewhere=isinstance(runner, Cluster))
    settings = load_settings(options.preset, options.overrides, images=unit == "images")
    if unit == "clips" and not options.only:
        models = models_that_can_hear(models, settings.media.functionals)
    job = TrainingJob(
        data=options.data,
        faces=options.faces,
        settings=settings,
        models=models,
        name=options.name,
    )
    if isinstance(runner, Cluster) and options.protocol:
        raise UsageError("--protocol runs on this machine; choose --runner local or docker", code="usage")
    if not isinstance(runner, Cluster):
        tell_check(options, settings, unit)
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
    outcome = run_training(job, say=StepLines(), runner=runner)
    if options.json:
        print(json.dumps(outcome.to_dict(), indent=2))
    else:
        summarise(outcome)
    return 0


def tell_check(options: argparse.Namespace, settings: Settings, unit: Unit) -> None:
    """Check the data before any work starts, and say in a line what was found and stops nothing.

    Raises:
        DataError: in the words of ``affekt check``: with these data nothing should be trained.
    """
    report = check_before(
        options.data,
        learns=not options.protocol,  # a protocol makes its own splits, and refuses leaks between them itself
        images=unit == "images",
        allow_shared_subjects=settings.allow_shared_subjects,
    )
    if said := remarks(report, options.data):
        remark(f"affekt: {said}")


def models_that_can_hear(models: tuple[str, ...], functionals: str) -> tuple[str, ...]:
    """The models without those that need frame-level descriptors, and a word about it, where the set offers none."""
    deaf = [name for name in models if any(model_spec(needed).needs_descriptors for needed in members_needed([name]))]
    if not deaf or offers_frames(functionals):
        return models
    remark(f"affekt: media.functionals={functionals} has no frame-level descriptors: without {', '.join(deaf)}")
    return tuple(name for name in models if name not in deaf)


def summarise(outcome: Outcome) -> None:
    """Print what a run produced and where to look."""
    low, high = outcome.accuracy_ci95
    print(f"model        {outcome.name}/{outcome.version}" + (" (champion)" if outcome.promoted else " (challenger)"))
    for reason in outcome.reasons:
        print(f"             {reason}")
    unseen = "subjects" if outcome.unit == "clips" else outcome.unit
    print(f"accuracy     {outcome.accuracy:.1%} on unseen {unseen}, 95 % interval {low:.1%} to {high:.1%}")
    print(f"time         {outcome.seconds:.0f} s, orchestration {outcome.orchestration_share:.0%} of it")
    print(f"report       {outcome.report}")
    print(f"MLflow       {outcome.mlflow_ui}")


def show_protocol(outcome: ProtocolOutcome) -> None:
    """Print what a protocol found: a line a fold, the models, and the fusion over all folds."""
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
    print("             nothing was registered: a protocol judges; `affekt train` without it registers a model")


def _percent(share: float | None) -> str:
    return "    –" if share is None else f"{share:>6.1%}"
