"""Whether a training is on still images alone, and what then differs in its settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from affekt.dataset import holds_faces
from affekt.errors import DataError
from affekt.settings import Settings

#: Code of the error that still images cannot be trained on in the way that was asked for.
CONFLICT = "images_not_clips"


def takes_images(data: str, faces: str, models: Sequence[str], *, elsewhere: bool = False) -> bool:
    """Whether a training learns from still images and no clips.

    Args:
        data: what is to be learned from.
        faces: further face images, or ``""``.
        models: the models to train.
        elsewhere: whether only other machines need to see the data: what cannot be read here is then taken for clips,
            and the first step over there says so if it is not.

    Raises:
        DataError: the data are images, and more than the VGG or further images are asked for.
    """
    only_vgg = tuple(models) == ("vgg",)
    if elsewhere and not only_vgg:
        return False
    try:
        if not holds_faces(data):
            return False
    except DataError:
        if elsewhere:
            return False
        raise
    if not only_vgg:
        raise DataError(
            "these are still images, and only the vgg learns from images without clips: add --only vgg, or give clips "
            "as DATA and the images with --faces",
            code=CONFLICT,
            where=data,
        )
    if faces:
        raise DataError(
            f"DATA and --faces ({faces}) are both still images; give one set, or clips as DATA",
            code=CONFLICT,
            where=data,
        )
    return True


def settings_for_faces(settings: Settings) -> Settings:
    """The settings with a fusion that needs no fitting: of one model, every fixed rule gives the model's own answer."""
    return replace(settings, fusion=replace(settings.fusion, method="average"))
