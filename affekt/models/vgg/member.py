"""The trained VGG in PyTorch: a clip's score vector, and its fc6 activations in time for the members that read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member
from affekt.models.model_folder import StoredModel, load_model
from affekt.models.normalisation import ready
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16
from affekt.models.vgg.reading import VggReading


class VggMember(VggReading):
    """Face pictures to fc6 activations and probabilities, by a VGG that is trained and done.

    Args:
        network: is copied; the copy has its batch normalisation folded in.
        labels: as for :class:`affekt.models.vgg.reading.VggReading`.
        frames_per_clip: likewise.
        mirror: likewise.
        sha256: likewise.
    """

    def __init__(
        self, network: VGG16, preprocessing: Preprocessing, hardware: Hardware, *, labels: tuple[str, ...],
        frames_per_clip: int, mirror: bool, sha256: str = "",
    ) -> None:  # fmt: skip
        super().__init__(
            preprocessing, labels=labels, frames_per_clip=frames_per_clip, mirror=mirror, sha256=sha256
        )  # fmt: skip
        self.network = ready(network, hardware)
        self.hardware = hardware

    @classmethod
    def of(cls, stored: StoredModel[VGG16], hardware: Hardware) -> VggMember:
        """As it was stored."""
        assert stored.preprocessing is not None
        return cls(
            stored.network, stored.preprocessing, hardware, labels=stored.labels,
            frames_per_clip=stored.settings["frames_per_clip"], mirror=stored.settings["mirror"], sha256=stored.sha256,
        )  # fmt: skip

    def _views(self, pixels: np.ndarray, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
        inputs = self.preprocessing.to_input(torch.from_numpy(pixels).to(self.hardware.device))
        views = [self._forward(view) for view in ([inputs, inputs.flip(-1)] if mirrored else [inputs])]
        return np.stack([fc6 for fc6, _ in views], axis=1), np.stack([values for _, values in views], axis=1)

    @torch.inference_mode()
    def _forward(self, inputs: Tensor) -> tuple[np.ndarray, np.ndarray]:
        with self.hardware.autocast():
            fc6, logits = self.network.fc6_and_logits(inputs.contiguous(memory_format=torch.channels_last))
        return fc6.float().cpu().numpy(), logits.double().softmax(1).cpu().numpy()


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> VggMember:
    """Read the folder that :func:`affekt.training.pictures.train_vgg` wrote."""
    return VggMember.of(load_model(folder, "vgg", VGG16), hardware.made())
