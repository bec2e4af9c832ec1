"""Gradients of 3-D convolutions in bfloat16 on a CPU: trained in only where they do not depend on freed memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from affekt.models import gradients
from affekt.models.c3d.network import C3D
from affekt.models.hardware import Hardware
from affekt.models.vgg.network import VGG16

BFLOAT16 = Hardware(torch.device("cpu"), torch.bfloat16)


@pytest.mark.parametrize("hold", [True, False])
def test_a_network_of_3d_convolutions_is_trained_in_bfloat16_only_where_its_gradients_hold(hold, monkeypatch):
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: hold)
    network = nn.Sequential(nn.Conv3d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    assert BFLOAT16.that_trains(network).dtype == (torch.bfloat16 if hold else torch.float32)


def test_other_networks_are_trained_as_they_answer(monkeypatch):
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: False)
    assert BFLOAT16.that_trains(VGG16(width=0.03, input_size=32)).dtype == torch.bfloat16
    assert BFLOAT16.that_trains(nn.LSTM(3, 3)).dtype == torch.bfloat16
    assert BFLOAT16.that_trains(C3D(width=0.03, input_size=32)).dtype == torch.bfloat16


def test_a_gradient_that_depends_on_freed_memory_is_noticed(monkeypatch):
    monkeypatch.setattr(gradients, "_gradient", lambda shape, value: torch.tensor([1.0, value]))
    gradients.hold_in_bfloat16.cache_clear()
    try:
        assert not gradients.hold_in_bfloat16()
    finally:
        gradients.hold_in_bfloat16.cache_clear()


@pytest.mark.parametrize("hold", [None, False])
def test_the_gradients_that_c3d_is_trained_by_do_not_depend_on_freed_memory(hold, monkeypatch):
    if hold is not None:
        monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: hold)
    torch.manual_seed(0)
    network = C3D(width=0.125, input_size=48, dropout=0.0)
    hardware = BFLOAT16.that_trains(network)
    hardware.place(network)
    windows = torch.rand(6, 3, 16, 48, 48).contiguous(memory_format=torch.channels_last_3d)
    found = []
    for value in (float("inf"), 0.0, 7.0):
        network.zero_grad(set_to_none=True)
        with hardware.autocast():
            loss = nn.functional.cross_entropy(network(windows).float(), torch.arange(6))
        gradients._leave_in_memory(value)
        loss.backward()
        found.append([parameter.grad for parameter in network.parameters()])
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))
