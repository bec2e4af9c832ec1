"""Networks to start from: random weights from a seed, or other people's VGG-Face and Sports-1M checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from affekt.errors import DataError
from affekt.storage import open_local
from affekt.visual.augmentation import SIDES
from affekt.visual.c3d import C3D
from affekt.visual.preprocessing import Preprocessing
from affekt.visual.vgg import VGG16, initialise

logger = logging.getLogger(__name__)
#: What the published checkpoints were trained on: VGG-Face (RGB in the layout of ``vgg_face_dag``), and C3D on
#: Sports-1M (BGR; the averages of its mean cube). Both take grey levels as they are.
_PUBLISHED: dict[type, tuple[str, tuple[float, float, float]]] = {
    VGG16: ("rgb", (129.186279296875, 104.76238250732422, 93.59396362304688)),
    C3D: ("bgr", (90.25, 97.66, 101.41)),
}


def start_vgg(
    *,
    width: float,
    input_size: int,
    classes: int,
    batch_norm: bool,
    dropout: float,
    pretrained: str | None,
    seed: int,
    crops: Sequence[float] = SIDES,
) -> tuple[VGG16, Preprocessing]:
    """A VGG-16 to train, from random weights or from a VGG-Face checkpoint, and its preprocessing.

    Args:
        pretrained: path or uri of a state dict in the layout of ``vgg_face_dag`` (``conv1_1.weight`` to ``fc8.bias``),
            as a PyTorch file or as safetensors; None for random weights.
        seed: of the random weights.
        crops: sides of the crops, as shares of the stored picture's side.

    Raises:
        DataError: the checkpoint is missing, damaged or of another network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VGG16(width=width, input_size=input_size, classes=classes, batch_norm=batch_norm, dropout=dropout)
        initialise(network)
    return network, _start(network, input_size, pretrained, tuple(crops))


def start_c3d(
    *,
    width: float,
    input_size: int,
    classes: int,
    batch_norm: bool,
    dropout: float,
    pretrained: str | None,
    seed: int,
    crops: Sequence[float] = SIDES,
) -> tuple[C3D, Preprocessing]:
    """A C3D to train, from random weights or from a Sports-1M checkpoint (``conv1.weight`` to ``fc8.bias``).

    Arguments and errors as for :func:`start_vgg`.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = C3D(width=width, input_size=input_size, classes=classes, batch_norm=batch_norm, dropout=dropout)
        initialise(network)
    return network, _start(network, input_size, pretrained, tuple(crops))


def _start(network: VGG16 | C3D, input_size: int, pretrained: str | None, crops: tuple[float, ...]) -> Preprocessing:
    if pretrained is None:
        return Preprocessing(input_size, crops, contrast=True)
    with open_local(pretrained) as path:
        load_published(network, read_state(path, shown=pretrained), where=pretrained)
    order, mean = _PUBLISHED[type(network)]
    return Preprocessing(input_size, crops, order=order, mean=mean, scale=1.0)


def read_state(path: Path, shown: str | None = None) -> dict[str, Tensor]:
    """The tensors of a state dict file, PyTorch or safetensors; nothing in it is executed.

    Raises:
        DataError: there is no such file, it cannot be read, or it holds something else than tensors by name.
    """
    where = shown or str(path)
    if not path.is_file():
        raise DataError("there is no such file; expected a checkpoint to start from", code="missing", where=where)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for a file that is not what it should be
        raise DataError(
            f"cannot be read as a PyTorch or safetensors file of tensors ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no reason given'}); is it complete?",
            code="damaged",
            where=where,
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(
            f"expected a state dict (tensors by name), found {type(state).__name__}", code="wrong_layout", where=where
        )
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def load_published(network: VGG16 | C3D, state: dict[str, Tensor], *, where: str) -> None:
    """Put published weights into a network; a last layer for another number of classes stays random.

    Raises:
        DataError: names the layers that are missing and those of another shape, with both shapes.
    """
    own = network.state_dict()
    # The published networks have no batch normalisation; where ours has, it starts from its own initial values.
    wanted = [name for name in own if not name.startswith("bn") or name in state]
    if "fc8.weight" in state and state["fc8.weight"].shape != own["fc8.weight"].shape:
        logger.info("%s: its last layer knows %d classes and is replaced", where, len(state["fc8.weight"]))
        wanted = [name for name in wanted if not name.startswith("fc8.")]
    missing = [name for name in wanted if name not in state]
    if missing:
        raise DataError(
            f"expected the layers {', '.join(list(own)[:3])} … {list(own)[-1]} of {type(network).__name__}; "
            f"{len(missing)} are missing, first {missing[0]}; found {', '.join(list(state)[:3]) or 'none'} …",
            code="wrong_layout",
            where=where,
        )
    differing = [name for name in wanted if state[name].shape != own[name].shape]
    if differing:
        name = differing[0]
        raise DataError(
            f"{len(differing)} layers have another shape than this {type(network).__name__} "
            f"({network.architecture}): {name} is {list(state[name].shape)}, expected {list(own[name].shape)}; "
            "published weights need width 1 and the published input size",
            code="wrong_shape",
            where=where,
        )
    for name in wanted:
        own[name].copy_(state[name])
