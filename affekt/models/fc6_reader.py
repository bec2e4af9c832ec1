"""What the trained networks share that read a clip in time from their VGG's fc6 activations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import numpy as np
import torch
from torch import nn

from affekt.media.prepared import PreparedClip
from affekt.models.answering import mean_vector, ready
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member, Scored
from affekt.models.model_folder import load_model
from affekt.models.vgg.member import vgg_read_by

Network = TypeVar("Network", bound=nn.Module)


class Fc6Reader(Generic[Network]):
    """fc6 activations in time to a score vector, by a network that is trained and done.

    Attributes:
        name: of the model.
        kind: the network's class.

    Args:
        network: is copied.
        labels: what its outputs mean.
        time_steps: in how many steps it reads a clip.
    """

    name: str
    kind: type[Network]

    def __init__(self, network: Network, hardware: Hardware, *, labels: tuple[str, ...], time_steps: int) -> None:
        self.network = ready(network, hardware)
        self.hardware = hardware
        self.labels = labels
        self.time_steps = time_steps

    @classmethod
    def load(cls, folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> Self:
        """Read the folder that :mod:`affekt.training.sequences` wrote.

        Raises:
            DataError: ``mismatch``: it was trained on another VGG.
        """
        stored = load_model(folder, cls.name, cls.kind)
        steps = int(stored.settings["time_steps"])
        vgg_read_by(cls.name, needs, stored, folder).read_in(steps)
        return cls(stored.network, hardware.made(), labels=stored.labels, time_steps=steps)

    def sequence(self, clip: PreparedClip, fc6: np.ndarray) -> np.ndarray | None:
        """What the network reads, float32 ``[V, T, F]``, from fc6 activations of so many views and steps; or None.

        Handed on as it lies in memory: rounding follows an array's strides, and stored models keep their answers.
        """
        return np.ascontiguousarray(fc6)

    @torch.inference_mode()
    def score(self, clip: PreparedClip, needed: Mapping[str, Any]) -> Scored:
        """The clip's score vector, the views averaged; none without what the network reads."""
        fc6 = needed["vgg"].get(self.time_steps)
        read = None if fc6 is None else self.sequence(clip, fc6)
        if read is None:
            return Scored(None)
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(read).to(self.hardware.device))
        return Scored(mean_vector(logits.double().softmax(1).cpu().numpy()))
