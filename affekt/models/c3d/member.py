"""The trained C3D in PyTorch: a score vector of a clip from windows of its face frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from affekt.models.c3d.network import C3D
from affekt.models.c3d.reading import C3dReading
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member
from affekt.models.model_folder import load_model
from affekt.models.normalisation import ready
from affekt.models.preprocessing import Preprocessing


class C3dMember(C3dReading):
    """Windows of face frames to a score vector, by a C3D that is trained and done.

    Args:
        network: is copied; the copy has its batch normalisation folded in.
        labels: as for :class:`affekt.models.c3d.reading.C3dReading`.
        windows_per_clip: likewise.
        mirror: likewise.
    """

    def __init__(
        self, network: C3D, preprocessing: Preprocessing, hardware: Hardware, *, labels: tuple[str, ...],
        windows_per_clip: int, mirror: bool,
    ) -> None:  # fmt: skip
        super().__init__(preprocessing, labels=labels, windows_per_clip=windows_per_clip, mirror=mirror)
        self.network = ready(network, hardware)
        self.hardware = hardware

    @torch.inference_mode()
    def _views(self, windows: np.ndarray) -> np.ndarray:
        inputs = self.preprocessing.to_input(torch.from_numpy(windows).to(self.hardware.device)).transpose(1, 2)
        views = []
        for view in [inputs, inputs.flip(-1)] if self.mirror else [inputs]:
            with self.hardware.autocast():
                logits = self.network(view.contiguous(memory_format=torch.channels_last_3d))
            views.append(logits.double().softmax(1).cpu().numpy())
        return np.stack(views, axis=1)


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> C3dMember:
    """Read the folder that :func:`affekt.training.pictures.train_c3d` wrote."""
    stored = load_model(folder, "c3d", C3D)
    assert stored.preprocessing is not None
    return C3dMember(
        stored.network, stored.preprocessing, hardware.made(), labels=stored.labels,
        windows_per_clip=stored.settings["windows_per_clip"], mirror=stored.settings["mirror"],
    )  # fmt: skip
