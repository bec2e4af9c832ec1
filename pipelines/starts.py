"""Whether networks can start from the weights that their settings name, and whether that is the paper's start."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from affekt.argument_names import setting
from affekt.errors import DataError
from affekt.extensions import members_needed
from affekt.pretrained.collection import absent, held, is_name
from affekt.settings import Settings
from affekt.settings.fields import FaceNetwork

logger = logging.getLogger(__name__)


def check_starts(settings: Settings, models: Sequence[str], preset: str) -> None:
    """Look for the weights that networks start from, before any work; say where a start is not the paper's.

    Args:
        settings: of the training.
        models: to train.
        preset: that the settings began with.

    Raises:
        DataError: a checkpoint is named that is not kept here.
    """
    for name in members_needed(models):
        group = settings.models[name]
        if not isinstance(group, FaceNetwork):
            continue
        start = group.pretrained
        if start is None:
            if preset == "paper":
                logger.warning(
                    "%s.pretrained=null: the %s starts from random weights; this is not the paper's recipe", name, name
                )
        elif is_name(start) and not Path(start).exists() and held(start) is None:
            error = absent(start)
            raise DataError(
                f"{error.message}; {setting(f'{name}.pretrained=null')} goes on from random weights, which is not the "
                "paper's recipe",
                code=error.code,
                where=error.where,
            )
