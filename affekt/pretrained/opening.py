"""What a setting such as ``vgg.pretrained`` names, opened: tensors, and what the network expects with them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from affekt.errors import DataError
from affekt.pretrained.catalogue import Convention, of_network
from affekt.pretrained.collection import (
    DESCRIPTION,
    WEIGHTS,
    Held,
    absent,
    check_weights,
    described,
    folder_of,
    held,
    is_folder,
    is_name,
)
from affekt.pretrained.reading import layout_of, read_state
from affekt.storage import join, open_local, read_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Weights to start from, under our names, and the input that they expect.

    Attributes:
        where: how errors name them.
    """

    state: dict[str, Tensor]
    convention: Convention
    where: str


def open_start(pretrained: str, network: str) -> Start:
    """Read the weights that a setting names.

    Args:
        pretrained: path or uri of a bare state dict (the published PyTorch layout is assumed) or of a folder that
            ``affekt weights`` wrote, or the name of one below ``$AFFEKT_HOME/weights``; a path that exists comes first.
        network: ``vgg`` or ``c3d``.

    Raises:
        DataError: there is nothing of that name, it was changed since it was kept, or it is of another network.
    """
    if is_name(pretrained) and not Path(pretrained).exists():
        found = held(pretrained)
        if found is not None:
            return _of_folder(found, str(folder_of(pretrained)), network)
        if "." not in pretrained:
            raise absent(pretrained)
    if is_folder(pretrained):
        where = join(pretrained, DESCRIPTION)
        return _of_folder(described(read_bytes(where), where), pretrained, network)
    with open_local(pretrained) as path:
        state = read_state(path, shown=pretrained)
        layout = layout_of(path, state)
    if layout != "pytorch":
        raise DataError(
            f"is an exchange file of {layout}; keep it with affekt weights import FILE --as "
            f"{of_network(network).name} and name what that says",
            code="wrong_layout",
            where=pretrained,
        )
    return Start(state, of_network(network).conventions["pytorch"], pretrained)


def _of_folder(found: Held, folder: str, network: str) -> Start:
    if found.network != network:
        raise DataError(
            f"these are the weights of a {found.network} ({found.checkpoint}), expected those of a {network}",
            code="wrong_network",
            where=folder,
        )
    with open_local(join(folder, WEIGHTS)) as path:
        check_weights(path, found)
        logger.info("starting from %s in %s, SHA-256 %s", found.checkpoint, folder, found.sha256)
        return Start(load_file(path), found.convention, folder)
