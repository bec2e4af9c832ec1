"""The models of the voice that are classifiers of its functionals: random forest and support vector classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import ClassifierMember
from affekt.models.member import HardwareChoice, Member


def functionals(clip: PreparedClip) -> np.ndarray | None:
    """The clip's functionals float64 ``[F]``, 88 of eGeMAPSv02 (paper.md, section 4.2.2); none without usable sound."""
    return np.asarray(clip.functionals, dtype=float) if clip.voice else None


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that the training of a random forest or a support vector classifier wrote."""
    return ClassifierMember.load(folder, functionals)
