"""Networks to start from: random weights from a seed, or other people's VGG-Face and Sports-1M checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from affekt.counted import counted
from affekt.errors import DataError
from affekt.models.c3d.network import C3D
from affekt.models.crops import SIDES
from affekt.models.preprocessing import Preprocessing
from affekt.models.vgg.network import VGG16, initialise
from affekt.pretrained.opening import Start, open_start

logger = logging.getLogger(__name__)


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
    read_layer: str = "fc6",
) -> tuple[VGG16, Preprocessing]:
    """A VGG-16 to train, from random weights or from a VGG-Face checkpoint, and its preprocessing.

    Args:
        pretrained: the name of a checkpoint that ``affekt weights`` keeps; or path or uri of its folder, or of a bare
            state dict in the layout of ``vgg_face_dag`` (``conv1_1.weight`` to ``fc8.bias``), as a PyTorch file or as
            safetensors; None for random weights.
        seed: of the random weights.
        crops: sides of the crops, as shares of the stored picture's side.
        read_layer: as for :class:`affekt.models.vgg.network.VGG16`.

    Raises:
        DataError: the checkpoint is missing, damaged or of another network.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = VGG16(
            width=width, input_size=input_size, classes=classes, batch_norm=batch_norm, dropout=dropout,
            read_layer=read_layer,
        )  # fmt: skip
        initialise(network)
    start = open_start(pretrained, "vgg") if pretrained is not None else None
    return network, _started(network, input_size, start, tuple(crops))


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
    start = open_start(pretrained, "c3d") if pretrained is not None else None
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = C3D(
            width=width,
            input_size=input_size,
            classes=classes,
            batch_norm=batch_norm,
            dropout=dropout,
            **(start.convention.architecture if start is not None else {}),
        )
        initialise(network)
    return network, _started(network, input_size, start, tuple(crops))


def _started(network: VGG16 | C3D, input_size: int, start: Start | None, crops: tuple[float, ...]) -> Preprocessing:
    """The preprocessing of a network, after the weights to start from, if any, were put into it."""
    if start is None:
        return Preprocessing(input_size, crops, contrast=True)
    load_published(network, start.state, where=start.where)
    expected = start.convention
    return Preprocessing(
        input_size, crops, grey=expected.grey, order=expected.order, mean=expected.mean, scale=expected.scale
    )


def load_published(network: VGG16 | C3D, state: dict[str, Tensor], *, where: str) -> None:
    """Put published weights into a network; a last layer for another number of classes stays random.

    Raises:
        DataError: names the layers that are missing and those of another shape, with both shapes.
    """
    own = network.state_dict()
    # The published networks have no batch normalisation; where ours has, it starts from its own initial values.
    wanted = [name for name in own if not name.startswith("bn") or name in state]
    if "fc8.weight" in state and state["fc8.weight"].shape != own["fc8.weight"].shape:
        logger.info("%s: its last layer, of %s, is replaced", where, counted(len(state["fc8.weight"]), "classes"))
        wanted = [name for name in wanted if not name.startswith("fc8.")]
    missing = [name for name in wanted if name not in state]
    if missing:
        raise DataError(
            f"expected the layers {', '.join(list(own)[:3])} … {list(own)[-1]} of {type(network).__name__}; "
            f"{counted(len(missing), 'tensors')} missing, first {missing[0]}; "
            f"found {', '.join(list(state)[:3]) or 'none'} …",
            code="wrong_layout",
            where=where,
        )
    differing = [name for name in wanted if state[name].shape != own[name].shape]
    if differing:
        name = differing[0]
        raise DataError(
            f"another shape than in this {type(network).__name__} have {counted(len(differing), 'layers')} "
            f"({network.architecture}): {name} is {list(state[name].shape)}, expected {list(own[name].shape)}; "
            "published weights need width 1 and the published input size",
            code="wrong_shape",
            where=where,
        )
    for name in wanted:
        own[name].copy_(state[name])
