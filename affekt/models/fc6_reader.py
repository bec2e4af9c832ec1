"""What the trained networks share that read a clip in time from their VGG's fc6 activations, in PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

import numpy as np
import torch
from torch import nn

from affekt.models.fc6_reading import Fc6Reading, vgg_read_by
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member
from affekt.models.model_folder import load_model
from affekt.models.normalisation import ready

Network = TypeVar("Network", bound=nn.Module)


class Fc6Reader(Fc6Reading, Generic[Network]):
    """fc6 activations in time to a score vector, by a network that is trained and done.

    Attributes:
        kind: the network's class.

    Args:
        network: is copied.
        labels: as for :class:`affekt.models.fc6_reading.Fc6Reading`.
        time_steps: likewise.
    """

    kind: type[Network]

    def __init__(self, network: Network, hardware: Hardware, *, labels: tuple[str, ...], time_steps: int) -> None:
        super().__init__(labels=labels, time_steps=time_steps)
        self.network = ready(network, hardware)
        self.hardware = hardware

    @classmethod
    def load(cls, folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> Self:
        """Read the folder that :mod:`affekt.training.sequences` wrote.

        Raises:
            DataError: ``mismatch``: it was trained on another VGG.
        """
        stored = load_model(folder, cls.name, cls.kind)
        steps = int(stored.settings["time_steps"])
        vgg_read_by(cls.name, needs, stored.facts["vgg_sha256"], folder).read_in(steps)
        return cls(stored.network, hardware.made(), labels=stored.labels, time_steps=steps)

    @torch.inference_mode()
    def _probabilities(self, read: np.ndarray) -> np.ndarray:
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(read).to(self.hardware.device))
        probabilities: np.ndarray = logits.double().softmax(1).cpu().numpy()
        return probabilities
