"""A trained network on disk: ``model.safetensors`` and ``model.json`` with all that is needed to use it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from affekt.errors import DataError
from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d.network import C3D
from affekt.models.joint.network import JointBiLSTM
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16
from affekt.storage import write_bytes

#: The layout of the folder; a reader refuses a number that it does not know.
FORMAT = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"
_NETWORKS: dict[str, type[nn.Module]] = {"vgg": VGG16, "c3d": C3D, "bilstm": BiLSTM, "joint": JointBiLSTM}


@dataclass(frozen=True)
class StoredModel:
    """A network that was read back, and what was written with it.

    Attributes:
        network: in evaluation mode, on the CPU.
        labels: what its outputs mean, in order.
        preprocessing: of its pictures; None for the Bi-LSTM and the joint network, whose input is the VGG's output.
        settings: the group of settings that it was trained with.
        sha256: of the weights file.
        facts: whatever else was written (figures; where there is no preprocessing, ``vgg_sha256``).
    """

    network: nn.Module
    labels: tuple[str, ...]
    preprocessing: Preprocessing | None
    settings: dict[str, Any]
    sha256: str
    facts: dict[str, Any]


def save_model(
    folder: Path,
    member: str,
    network: VGG16 | C3D | BiLSTM | JointBiLSTM,
    *,
    labels: tuple[str, ...],
    preprocessing: Preprocessing | None,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write a network and its description; returns the SHA-256 of the weights file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = safetensors.torch.save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    description = {
        "format": FORMAT,
        "member": member,
        "architecture": network.architecture,
        "labels": list(labels),
        "preprocessing": preprocessing.to_dict() if preprocessing else None,
        "settings": dict(settings),
        "weights": {"file": WEIGHTS, "sha256": digest},
        "facts": dict(facts or {}),
    }
    write_bytes(folder / WEIGHTS, content)
    write_bytes(folder / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    return digest


def load_model(folder: Path, member: str) -> StoredModel:
    """Read what :func:`save_model` wrote.

    Raises:
        DataError: a file is missing, the weights are not those that were written, or it is another kind of model.
    """
    path = folder / DESCRIPTION
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise DataError(
            f"expected {DESCRIPTION} and {WEIGHTS} of a trained {member}", code="missing", where=str(folder)
        )
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        found = (description["format"], description["member"])
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("is not the description of a trained network", code="damaged", where=str(path)) from error
    if found != (FORMAT, member):
        raise DataError(
            f"expected a {member} in format {FORMAT}, found a {found[1]} in format {found[0]}",
            code="wrong_model",
            where=str(path),
        )
    content = (folder / WEIGHTS).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    expected = description["weights"]["sha256"]
    if digest != expected:
        raise DataError(
            f"the weights have the SHA-256 {digest[:16]}…, expected {expected[:16]}…: the file was changed or cut off; "
            "copy the model again or train it anew",
            code="damaged",
            where=str(folder / WEIGHTS),
        )
    network = _NETWORKS[member](**description["architecture"])
    network.load_state_dict(safetensors.torch.load(content))
    preprocessing = description["preprocessing"]
    return StoredModel(
        network.eval(),
        tuple(description["labels"]),
        Preprocessing.from_dict(preprocessing) if preprocessing else None,
        description["settings"],
        digest,
        description["facts"],
    )
