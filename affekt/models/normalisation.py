"""Which layers of a network a batch normalisation follows, and networks with it folded in, ready to answer."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from affekt.models.hardware import Hardware

_Layer = nn.Conv2d | nn.Conv3d | nn.Linear
Network = TypeVar("Network", bound=nn.Module)
_Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def normalised_layers(network: nn.Module) -> list[tuple[_Layer, _Norm]]:
    """The layers that a batch normalisation follows (``bn1_1`` follows ``conv1_1``, ``bnfc6`` ``fc6``), with it."""
    pairs = []
    for name, norm in network.named_children():
        if isinstance(norm, _Norm):
            of = name.removeprefix("bn")
            layer = network.get_submodule(of if of.startswith("fc") else f"conv{of}")
            assert isinstance(layer, _Layer)
            pairs.append((layer, norm))
    return pairs


def folded(network: nn.Module) -> nn.Module:
    """Fold each batch normalisation into the layer before it: the same answers, fewer passes over memory.

    Changes the network in place, leaves it in evaluation mode and returns it. It cannot be trained afterwards.
    """
    network.eval()
    for layer, norm in normalised_layers(network):
        assert layer.bias is not None and norm.running_mean is not None and norm.running_var is not None
        with torch.no_grad():
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            layer.weight.mul_(gain.reshape(-1, *[1] * (layer.weight.ndim - 1)))
            layer.bias.copy_((layer.bias - norm.running_mean) * gain + norm.bias)
    for name in [name for name, module in network.named_children() if isinstance(module, _Norm)]:
        delattr(network, name)
    return network


def ready(network: Network, hardware: Hardware) -> Network:
    """A copy of a trained network for forward passes alone: on the device, channels last, normalisation folded in."""
    network = copy.deepcopy(network)
    hardware.place(network)
    folded(network)
    return network.requires_grad_(False)
