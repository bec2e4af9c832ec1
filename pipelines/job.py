"""What a training run is to do: data, models and settings, and whether these go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from affekt.dataset import Unit, unit_of
from affekt.errors import DataError
from affekt.extensions import members_needed, model_names, model_specs
from affekt.settings import Settings

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
            f"--only {answering[0]}, or give clips as DATA and the images with --faces",
            code=CONFLICT,
            where=data,
        )
    if faces:
        raise DataError(
            f"DATA and --faces ({faces}) are both still images; give one set, or clips as DATA",
            code=CONFLICT,
            where=data,
        )
    return "images"


def settings_of(settings: Settings, unit: Unit) -> Settings:
    """The settings of a training on clips or on images.

    One of images has a fusion that needs no fitting: of one model, every fixed rule gives the model's own answer.
    """
    return settings if unit == "clips" else replace(settings, fusion=replace(settings.fusion, method="average"))
