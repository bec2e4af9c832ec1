"""A trained network on disk: ``model.safetensors`` and ``model.json`` with all that is needed to use it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import safetensors.torch
from torch import nn

from affekt.errors import DataError
from affekt.models.preprocessing import Preprocessing
from affekt.storage import as_told, write_bytes

#: The layout of the folder; a reader refuses a number that it does not know.
FORMAT = 1
WEIGHTS, DESCRIPTION = "model.safetensors", "model.json"


@runtime_checkable
class StoredNetwork(Protocol):
    """A network that says how it is made again, before its weights are put into it."""

    @property
    def architecture(self) -> dict[str, Any]:
        """The arguments of its class."""


Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class StoredModel(Generic[Network]):
    """A network that was read back, and what was written with it.

    Attributes:
        network: in evaluation mode, on the CPU.
        labels: what its outputs mean, in order.
        preprocessing: of its pictures; None for the Bi-LSTM and the joint network, whose input is the VGG's output.
        settings: the group of settings that it was trained with.
        sha256: of the weights file.
        facts: whatever else was written (figures; where there is no preprocessing, ``vgg_sha256``).
    """

    network: Network
    labels: tuple[str, ...]
    preprocessing: Preprocessing | None
    settings: dict[str, Any]
    sha256: str
    facts: dict[str, Any]


def save_model(
    folder: Path,
    member: str,
    network: nn.Module,
    *,
    labels: tuple[str, ...],
    preprocessing: Preprocessing | None,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> str:
    """Write a network and its description; returns the SHA-256 of the weights file.

    Args:
        folder: where to.
        member: the name of its model.
        network: a :class:`StoredNetwork`.
        labels: what its outputs mean.
        preprocessing: of its pictures, if it looks at pictures.
        settings: the group of settings that it was trained with.
        facts: what else is to be known of it.
    """
    assert isinstance(network, StoredNetwork)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    content = safetensors.torch.save(tensors)
    digest = hashlib.sha256(content).hexdigest()
    description = {
        "format": FORMAT,
        "member": member,
        "architecture": network.architecture,
        "labels": list(labels),
        "preprocessing": preprocessing.to_dict() if preprocessing else None,
        "settings": as_told(settings),
        "weights": {"file": WEIGHTS, "sha256": digest},
        "facts": dict(facts or {}),
    }
    write_bytes(folder / WEIGHTS, content)
    write_bytes(folder / DESCRIPTION, (json.dumps(description, indent=2) + "\n").encode())
    return digest


def load_model(folder: Path, member: str, kind: type[Network]) -> StoredModel[Network]:
    """Read what :func:`save_model` wrote.

    Args:
        folder: where it is.
        member: the name of its model.
        kind: the class of its network.

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
    network = kind(**description["architecture"])
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
