"""The models of the voice that are classifiers of statistics of it: random forest and support vector classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import DESCRIPTION, ClassifierMember, Features, read_description
from affekt.models.member import HardwareChoice, Member

#: What a model's description calls it that it reads how descriptors run as well.
CONTOURS_FACT = "contours"


def functionals(clip: PreparedClip) -> np.ndarray | None:
    """The clip's functionals float64 ``[F]``, 88 of eGeMAPSv02 (paper.md, section 4.2.2); none without usable sound."""
    return np.asarray(clip.functionals, dtype=float) if clip.voice else None


def functionals_and_contours(clip: PreparedClip) -> np.ndarray | None:
    """The functionals and how descriptors run (:mod:`affekt.media.contours`), float64 ``[F + 360]``.

    The functionals alone where the clip has no descriptors, or others than eGeMAPS'; None without usable sound.
    """
    values = functionals(clip)
    if values is None or clip.contours is None:
        return values
    return np.concatenate([values, clip.contours])


def voice_statistics(contours: bool) -> Features:
    """What a model of the voice reads of a clip, with how descriptors run or without."""
    return functionals_and_contours if contours else functionals


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that the training of a random forest or a support vector classifier wrote."""
    contours = bool(read_description(folder / DESCRIPTION).get(CONTOURS_FACT, False))
    return ClassifierMember.load(folder, voice_statistics(contours))
