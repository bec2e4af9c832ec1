"""What a network reads of a clip that looks at its VGG's fc6 activations in time, whatever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.errors import DataError
from affekt.media.prepared import PreparedClip
from affekt.models.answering import mean_vector
from affekt.models.member import Member, Scored
from affekt.models.vgg.reading import VggReading


class Fc6Reading(ABC):
    """fc6 activations in time to a score vector.

    Attributes:
        name: of the model.

    Args:
        labels: what its outputs mean.
        time_steps: in how many steps it reads a clip.
    """

    name: str

    def __init__(self, *, labels: tuple[str, ...], time_steps: int) -> None:
        self.labels = labels
        self.time_steps = time_steps

    @abstractmethod
    def _probabilities(self, read: np.ndarray) -> np.ndarray:
        """Float64 ``[V, L]`` of what :meth:`sequence` gave."""

    def sequence(self, clip: PreparedClip, fc6: np.ndarray) -> np.ndarray | None:
        """What the network reads, float32 ``[V, T, F]``, from fc6 activations of so many views and steps; or None.

        Handed on as it lies in memory: rounding follows an array's strides, and stored models keep their answers.
        """
        return np.ascontiguousarray(fc6)

    def score(self, clip: PreparedClip, needed: Mapping[str, Any]) -> Scored:
        """The clip's score vector, the views averaged; none without what the network reads."""
        fc6 = needed["vgg"].get(self.time_steps)
        read = None if fc6 is None else self.sequence(clip, fc6)
        return Scored(None if read is None else mean_vector(self._probabilities(read)))


def vgg_read_by(reader: str, needs: Mapping[str, Member], sha256: str, folder: Path) -> VggReading:
    """The VGG whose fc6 activations a stored network reads.

    Args:
        reader: the name of the network's model.
        needs: its loaded members.
        sha256: of the VGG that it was trained on.
        folder: where it is, for the error.

    Raises:
        DataError: ``mismatch``: it was trained on another VGG.
    """
    vgg = needs["vgg"]
    assert isinstance(vgg, VggReading)
    if sha256 != vgg.sha256:
        raise DataError(
            f"the {reader} was trained on the fc6 activations of another vgg; train it anew with this one",
            code="mismatch",
            where=str(folder),
        )
    return vgg
