"""What a training run is to do: data, models and settings, and whether these go together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from affekt.argument_names import argument
from affekt.checks import check_before, remarks
from affekt.counted import counted
from affekt.dataset import Unit, unit_of
from affekt.dataset.problems import raise_errors
from affekt.errors import DataError, UsageError
from affekt.extensions import fusion_spec, members_needed, model_names, model_spec, model_specs, models_named
from affekt.media.functionals import offers_frames
from affekt.model_names import check_name
from affekt.pipelines.starts import check_starts
from affekt.pipelines.wide_pictures import with_wide_pictures
from affekt.settings import Settings, load_settings
from affekt.settings.loading import read_override

logger = logging.getLogger(__name__)

#: Code of the error that still images cannot be trained on in the way that was asked for.
CONFLICT = "images_not_clips"


@dataclass(frozen=True)
class TrainingJob:
    """What to train on, how, and under which name to register it."""

    data: str
    settings: Settings
    faces: str = ""
    models: Sequence[str] = field(default_factory=model_names)
    name: str = "affekt"


def job_of(
    data: str,
    *,
    faces: str = "",
    only: str | None = None,
    name: str = "affekt",
    preset: str = "small",
    overrides: Sequence[str] = (),
    elsewhere: bool = False,
) -> TrainingJob:
    """The job that ``affekt train`` and :func:`affekt.train` are asked for; their documentation has the arguments.

    Args:
        elsewhere: whether only other machines need to see the data.

    Raises:
        AffektError: no model can be registered under the name.
        UsageError: the faces are of no use to the models, or a setting is.
        DataError: as :func:`unit_to_train`; weights to start from are not here.
        SettingsError: an override is wrong.
    """
    check_name(name)
    models = models_named(only)
    if faces and not any(model_spec(model).learns_from_images for model in members_needed(models)):
        raise UsageError(
            f"{', '.join(models)} learns nothing from face images; leave out {argument('faces')}", code="usage"
        )
    unit = unit_to_train(data, faces, models, elsewhere=elsewhere)
    # What models have that are not trained contradicts nothing, and need not be changed: it cannot be.
    settings = load_settings(preset, overrides, images=unit == "images", models=members_needed(models))
    if unit == "clips" and not only:
        models = models_that_can_hear(models, settings.media.functionals)
    if unit == "clips":
        settings = with_wide_pictures(settings, models, elsewhere=elsewhere)
    if idle := without_effect(overrides, models, unit):
        listed = "".join(f"\n  - {each}" for each in idle)
        raise UsageError(f"{counted(len(idle), 'settings')} would change nothing:{listed}", code="usage")
    if not elsewhere:
        check_starts(settings, models, preset)
    return TrainingJob(data=data, faces=faces, settings=settings, models=models, name=name)


def without_effect(overrides: Sequence[str], models: Sequence[str], unit: Unit) -> list[str]:
    """The overrides, all of them right by themselves, that this training does not look at, each with the reason."""
    trained, found = members_needed(models), []
    for override in overrides:
        key = read_override(override)[0]
        group = key.partition(".")[0]
        if group in model_specs() and group not in trained:
            found.append(f"{key}: {group} is not trained, only {', '.join(trained)}; leave it out")
        elif group == "fusion" and unit == "images":
            found.append(f"{key}: of images alone nothing is fused; leave it out")
    return found


def check_data(job: TrainingJob, *, splits_given: bool = True) -> str:
    """Check the data before any work starts.

    Args:
        job: that is about to start.
        splits_given: whether it learns from the data's own splits.

    Returns:
        A line on what was found and stops nothing; empty where there is nothing.

    Raises:
        DataError: in the words of ``affekt check``: with these data nothing should be trained.
    """
    report = check_before(
        job.data,
        learns=splits_given,
        images=unit_of(job.data) == "images",
        allow_shared_subjects=job.settings.allow_shared_subjects,
        leave_out_unlabelled=job.settings.leave_out_unlabelled,
    )
    if splits_given and (len(job.models) > 1 or fusion_spec(job.settings.fusion.method).learns):
        alone = [problem for problem in report.problems if problem.code == "too_few_subjects"]
        raise_errors([replace(problem, severity="error") for problem in alone], job.data)
    return remarks(report, job.data)


def models_that_can_hear(models: tuple[str, ...], functionals: str) -> tuple[str, ...]:
    """The models without those that need frame-level descriptors, and a word about it, where the set offers none."""
    deaf = [name for name in models if any(model_spec(needed).needs_descriptors for needed in members_needed([name]))]
    if not deaf or offers_frames(functionals):
        return models
    logger.warning("media.functionals=%s has no frame-level descriptors: without %s", functionals, ", ".join(deaf))
    return tuple(name for name in models if name not in deaf)


def unit_to_train(data: str, faces: str, models: Sequence[str], *, elsewhere: bool = False) -> Unit:
    """What a training learns from: clips, or still images and no clips.

    Args:
        data: what is to be learned from.
        faces: further face images, or ``""``.
        models: the models to train.
        elsewhere: whether only other machines need to see the data: what cannot be read here is then taken for clips,
            and the first step over there says so if it is not.

    Raises:
        DataError: the data are images, and more than one model that answers images alone, or further images are asked
            for.
    """
    answering = [name for name, spec in model_specs().items() if spec.answers_images]
    alone = len(models) == 1 and models[0] in answering and members_needed(models) == tuple(models)
    if elsewhere and not alone:
        return "clips"
    try:
        if unit_of(data) == "clips":
            return "clips"
    except DataError:
        if elsewhere:
            return "clips"
        raise
    if not alone:
        raise DataError(
            f"these are still images, and only the {' or the '.join(answering)} learns from images without clips: add "
            f"{argument('only', answering[0])}, or give clips as DATA and the images with {argument('faces')}",
            code=CONFLICT,
            where=data,
        )
    if faces:
        raise DataError(
            f"DATA and {argument('faces')} ({faces}) are both still images; give one set, or clips as DATA",
            code=CONFLICT,
            where=data,
        )
    return "images"


def settings_of(settings: Settings, unit: Unit) -> Settings:
    """The settings of a training on clips or on images.

    One of images has a fusion that needs no fitting: of one model, every fixed rule gives the model's own answer.
    """
    return settings if unit == "clips" else replace(settings, fusion=replace(settings.fusion, method="average"))
