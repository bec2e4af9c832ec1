"""Convolutions in three dimensions whose weights get their gradient plane by plane, beside those in float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models import gradients
from affekt.models.c3d.network import C3D
from affekt.models.convolution3d import Convolution3d
from affekt.models.hardware import Hardware

BFLOAT16 = Hardware(torch.device("cpu"), torch.bfloat16)
SHAPES = [(3, 16, 5, 3, 6, 8), (8, 8, 2, 2, 5, 5), (16, 4, 3, 1, 4, 6), (4, 7, 1, 4, 1, 3)]


@pytest.fixture
def by_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: False)


def whole(*shape: int) -> Tensor:
    """Small whole numbers, which bfloat16 holds and float32 adds without rounding."""
    return torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(sum(shape))).float()


def layer_of(inputs: int, outputs: int, kernel: int = 3) -> Convolution3d:
    layer = Convolution3d(inputs, outputs, kernel)
    with torch.no_grad():
        layer.weight.copy_(whole(*layer.weight.shape))
        layer.bias.copy_(whole(outputs))
    return layer


def learned(layer: nn.Module, maps: Tensor, wanted: Tensor, hardware: Hardware | None) -> list[Tensor]:
    """What a layer gives forwards and its gradients: of the maps and of its weights."""
    maps = maps.clone().requires_grad_()
    layer.zero_grad(set_to_none=True)
    with hardware.autocast() if hardware else torch.enable_grad():
        found = layer(maps)
    found.backward(wanted.to(found.dtype))
    gradients_ = [maps.grad, *(parameter.grad for parameter in layer.parameters())]
    return [found.detach(), *(gradient for gradient in gradients_ if gradient is not None)]


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.usefixtures("by_planes")
def test_gradients_of_whole_numbers_are_those_of_float32_to_the_last_bit_of_bfloat16(
    shape: tuple[int, ...], kernel: int
) -> None:
    inputs, outputs, clips, frames, height, width = shape
    layer = layer_of(inputs, outputs, kernel)
    maps, wanted = whole(clips, inputs, frames, height, width), whole(clips, outputs, frames, height, width)
    plain = learned(layer, maps, wanted, None)
    found = learned(layer, maps, wanted, BFLOAT16)
    assert len(found) == len(plain) == 4
    for number, (one, other) in enumerate(zip(found, plain, strict=True)):
        expected = other if number == 3 else other.bfloat16().float()  # the bias is summed in float32
        assert torch.equal(one.float(), expected)


@pytest.mark.usefixtures("by_planes")
def test_forwards_a_layer_answers_as_the_plain_one_in_bfloat16() -> None:
    layer, plain = layer_of(8, 16), nn.Conv3d(8, 16, 3, padding=1)
    plain.load_state_dict(layer.state_dict())
    maps = torch.rand(2, 8, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with BFLOAT16.autocast():
        assert torch.equal(layer(maps), plain(maps))


@pytest.mark.parametrize("hold", [True, False])
def test_by_planes_only_where_the_gradient_in_three_dimensions_does_not_hold(
    hold: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: hold)
    with BFLOAT16.autocast():
        found = layer_of(3, 4)(whole(1, 3, 2, 4, 4))
    assert ("ByPlanes" in type(found.grad_fn).__name__) is not hold


@pytest.mark.usefixtures("by_planes")
def test_float32_and_answers_without_gradients_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, maps = layer_of(3, 4), whole(1, 3, 2, 4, 4)
    assert "ByPlanes" not in type(layer(maps).grad_fn).__name__
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: pytest.fail("asked without need"))
    with torch.inference_mode(), BFLOAT16.autocast():
        assert layer(maps).dtype == torch.bfloat16


@pytest.mark.usefixtures("by_planes")
def test_first_layers_need_no_gradient_of_their_maps() -> None:
    layer, maps = layer_of(3, 4), whole(2, 3, 3, 4, 4)
    with BFLOAT16.autocast():
        layer(maps).float().sum().backward()
    assert maps.grad is None and layer.weight.grad is not None and layer.weight.grad.dtype == torch.float32


@pytest.mark.usefixtures("by_planes")
def test_stills_have_the_gradient_of_float32_in_all_offsets_of_time() -> None:
    layer = layer_of(4, 5)
    maps, wanted = whole(2, 4, 1, 5, 5), whole(2, 5, 1, 5, 5)
    found = []
    for hardware in (None, BFLOAT16):
        layer.zero_grad(set_to_none=True)
        with hardware.autocast() if hardware else torch.enable_grad():
            answer = layer.convolved(maps, layer.weight.sum(2, keepdim=True))
        answer.backward(wanted.to(answer.dtype))
        assert layer.weight.grad is not None
        found.append(layer.weight.grad)
    assert torch.equal(found[1], found[0].bfloat16().float())


@pytest.mark.usefixtures("by_planes")
def test_c3d_learns_in_bfloat16_what_it_learns_in_float32() -> None:
    windows = torch.rand(4, 3, 16, 32, 32, generator=torch.Generator().manual_seed(0))
    targets, found = torch.tensor([0, 1, 2, 3]), []
    for hardware in (None, BFLOAT16):
        torch.manual_seed(0)
        network = C3D(width=0.1, input_size=32, classes=4, batch_norm=True, dropout=0.0)
        optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
        for _ in range(12):
            optimiser.zero_grad()
            with hardware.autocast() if hardware else torch.enable_grad():
                loss = F.cross_entropy(network(windows).float(), targets)
            loss.backward()
            optimiser.step()
        found.append(loss.item())
    assert found[0] < 0.5  # of 1.39 at first
    assert found[1] == pytest.approx(found[0], abs=0.05)


def test_a_compiler_is_not_shown_the_trial_of_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "hold_in_bfloat16", lambda: pytest.fail("would be compiled"))
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    with BFLOAT16.autocast():
        assert "ByPlanes" in type(layer_of(3, 4)(whole(1, 3, 2, 4, 4)).grad_fn).__name__
