"""Whether a training keeps faces with a margin around them: where a model that reads them can be trained."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from affekt.argument_names import setting
from affekt.errors import DataError
from affekt.extensions import members_needed, model_spec
from affekt.pretrained.collection import is_here
from affekt.settings import Settings
from affekt.storage import is_remote

logger = logging.getLogger(__name__)

#: Side of the pictures where ``media.wide_size`` leaves it open, pixels.
SIDE = 160


def with_wide_pictures(settings: Settings, models: Sequence[str], *, elsewhere: bool = False) -> Settings:
    """The settings with a number for ``media.wide_size``, which may leave it to what is here.

    Whoever reads a store or an ensemble then need not know which weights were here when the training began.

    Args:
        settings: of a training of clips.
        models: to train.
        elsewhere: whether other machines train, on which only what is in S3 is as it is here.
    """
    media = settings.media
    if media.wide_size is not None:
        return settings
    size = SIDE if any(_reads(settings, name, elsewhere) for name in members_needed(models)) else 0
    if size:
        logger.info(
            "the weights of the face encoder are here: faces are kept with a margin as well; clips that were prepared "
            "without are prepared again (%s goes on without)",
            setting("media.wide_size=0"),
        )
    return replace(settings, media=replace(media, wide_size=size))


def _reads(settings: Settings, name: str, elsewhere: bool) -> bool:
    if not model_spec(name).reads_wide:
        return False
    weights = settings.models[name].pretrained
    if elsewhere and not is_remote(weights):
        return False
    try:
        is_here(weights)
    except DataError:
        return False
    return True
