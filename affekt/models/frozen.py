"""The weights of an encoder that a model reads and does not train: a file beside the model's classifier."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from affekt.errors import DataError
from affekt.models.classifier import DESCRIPTION, read_description
from affekt.storage import write_bytes

#: The file, and where the description of the model has its digest.
ENCODER, DIGEST = "encoder.safetensors", "encoder_sha256"


def save_encoder(folder: Path, state: Mapping[str, Tensor]) -> str:
    """Write the weights into a model's folder; returns the SHA-256 of the file."""
    content = safetensors.torch.save({name: value.contiguous() for name, value in state.items()})
    write_bytes(folder / ENCODER, content)
    return hashlib.sha256(content).hexdigest()


def load_encoder(folder: Path) -> dict[str, Tensor]:
    """The weights that :func:`save_encoder` wrote.

    Raises:
        DataError: the file is missing, or is not what the model's description says.
    """
    path, expected = folder / ENCODER, read_description(folder / DESCRIPTION).get(DIGEST)
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != expected:
        raise DataError(
            "is not the encoder that the model was trained on; copy the model again or train it anew",
            code="damaged" if content else "missing",
            where=str(path),
        )
    return safetensors.torch.load(content)
