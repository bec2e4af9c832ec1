"""The voice encoder of the package Resemblyzer: its weights, read from the installed package, which is not imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affekt.errors import DataError
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.pretrained.package_file import PackageFile
from affekt.pretrained.reading import read_state

#: The name under which settings know it, and where its weights are.
NAME = "resemblyzer"
FILE = PackageFile(
    NAME, "voice encoder", "resemblyzer", "0.1.4", "resemblyzer/pretrained.pt",
    "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
)  # fmt: skip
LICENCE = "Resemblyzer 0.1.4, Apache-2.0, Resemble AI; trained on LibriSpeech (CC BY 4.0), VoxCeleb1 and VoxCeleb2"


def absent(group: Any) -> str:
    """Why the encoder that the model's settings name cannot be had here, in a sentence; ``""`` where it can."""
    return FILE.absent(group.pretrained)


def open_voice_encoder(pretrained: str) -> dict[str, Tensor]:
    """The weights of the encoder's layers.

    Args:
        pretrained: ``resemblyzer``, or a file with a state dict that has its ``lstm`` layers.

    Raises:
        DataError: ``missing``: it is not here; ``damaged``: it is another file than the package's version has;
            ``wrong_layout``: it holds other layers.
    """
    path = FILE.path(pretrained)
    if pretrained == NAME:
        FILE.check(path)
    return FILE.layers(VoiceEncoder, _state_of(path), path)


def _state_of(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint, whose layers the package keeps below ``model_state``; nothing is executed."""
    if path.suffix == ".pt":
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds for a file that is not what it should be
            raise DataError(f"is no file of tensors ({error})", code="damaged", where=str(path)) from error
        if isinstance(state, dict) and isinstance(state.get("model_state"), dict):
            return dict(state["model_state"])
    return read_state(path)
