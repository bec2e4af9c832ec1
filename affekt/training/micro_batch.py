"""How many items of a batch a device takes at once, where the settings leave it to the device's memory."""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from affekt.models.hardware import Hardware
from affekt.training.batches import Batches

logger = logging.getLogger(__name__)
#: What a CPU takes at once: more is no faster there.
_ON_A_CPU = 32
#: Share of the free memory that activations may take.
_SHARE = 0.6
#: Bytes of an item for each byte that its layers put out: their gradients, and what lies between layers.
_BESIDE_OUTPUTS = 2.0


def fitting(
    network: nn.Module, batches: Batches, batch_size: int, wanted: int | None, hardware: Hardware, size: int
) -> int | None:
    """Items of a micro-batch: as wanted, else the largest divisor of the batch whose activations fit.

    Batch normalisation sees one micro-batch at a time, so with it a batch is left whole whatever the memory; so is one
    of a network without convolutions, which needs little.

    Args:
        size: the processes that share a batch.
    """
    modules = list(network.modules())
    if wanted or any(isinstance(module, _BatchNorm) for module in modules):
        return wanted
    if not any(isinstance(module, nn.Conv2d | nn.Conv3d) for module in modules):
        return wanted
    most = _ON_A_CPU
    if hardware.device.type == "cuda":
        first = batches.load(0).part(0, 1)
        item = batches.finish(first.on(hardware.device), hardware.device)
        free, _ = torch.cuda.mem_get_info(hardware.device)
        most = max(1, int(_SHARE * free / _bytes_of_an_item(network, item, hardware.dtype)))
    share = batch_size // size
    micro = max(count for count in range(1, share + 1) if share % count == 0 and count <= most)
    logger.info("%d items of a batch of %d are on the device at once", micro, batch_size)
    return micro


def _bytes_of_an_item(network: nn.Module, item: Tensor, dtype: torch.dtype) -> float:
    """What an item's activations take, counted without computing them."""
    total = 0

    def add(module: nn.Module, arguments: Any, output: Any) -> None:
        nonlocal total
        if isinstance(output, Tensor):
            total += output.numel()

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(add) for leaf in leaves]
    state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    shapes = {name: torch.empty_like(tensor, device="meta") for name, tensor in state.items()}
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            functional_call(network, shapes, (torch.empty_like(item, device="meta"),))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return _BESIDE_OUTPUTS * total * dtype.itemsize
