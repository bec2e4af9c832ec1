"""The voice encoder of the package Resemblyzer: its weights, read from the installed package, which is not imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from affekt.errors import DataError
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.pretrained.reading import read_state
from affekt.storage import file_digest

#: The name under which settings know it; the version whose weights these are, and their digest.
NAME, VERSION = "resemblyzer", "0.1.4"
SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
LICENCE = "Resemblyzer 0.1.4, Apache-2.0, Resemble AI; trained on LibriSpeech (CC BY 4.0), VoxCeleb1 and VoxCeleb2"
_REMEDY = f"pip install --no-deps {NAME}=={VERSION} brings it, make install does so as well"


def absent(group: Any) -> str:
    """Why the encoder that the model's settings name cannot be had here, in a sentence; ``""`` where it can."""
    try:
        _file_of(group.pretrained)
    except DataError as error:
        return str(error)
    return ""


def open_voice_encoder(pretrained: str) -> dict[str, Tensor]:
    """The weights of the encoder's layers.

    Args:
        pretrained: ``resemblyzer``, or a file with a state dict that has its ``lstm`` layers.

    Raises:
        DataError: ``missing``: it is not here; ``damaged``: it is another file than the package's version has, or
            holds other layers.
    """
    path = _file_of(pretrained)
    if pretrained == NAME and file_digest(path) != SHA256:
        raise DataError(
            f"is not the file of {NAME} {VERSION} (SHA-256 {SHA256[:16]}…); {_REMEDY}", code="damaged", where=str(path)
        )
    state = _state_of(path)
    try:
        return dict(VoiceEncoder.of(state).state_dict())
    except RuntimeError as error:
        raise DataError(
            f"holds other layers than the voice encoder's: {str(error).splitlines()[-1].strip()}",
            code="wrong_layout",
            where=str(path),
        ) from error


def _file_of(pretrained: str) -> Path:
    if pretrained != NAME:
        path = Path(pretrained)
        if not path.is_file():
            raise DataError(f"no such file; expected a voice encoder, or {NAME}", code="missing", where=pretrained)
        return path
    try:
        found = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        raise DataError(f"the package is not installed; {_REMEDY}", code="missing", where=NAME) from None
    return Path(str(found.locate_file("resemblyzer/pretrained.pt")))


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
