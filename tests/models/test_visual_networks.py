"""VGG-16, C3D and Bi-LSTM are the published networks, at any width and input size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from affekt.models.bilstm.network import BiLSTM
from affekt.models.c3d.network import C3D, pooled_in_two
from affekt.models.normalisation import folded
from affekt.models.vgg.network import VGG16, initialise
from affekt.training.throughput import forward_flops

VGG_LAYERS = [f"conv{g}_{n}" for g, count in ((1, 2), (2, 2), (3, 3), (4, 3), (5, 3)) for n in range(1, count + 1)]
C3D_LAYERS = ["conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"]


def multiply_accumulates(network: nn.Module, item: Tensor) -> int:
    """Counted layer by layer from the shapes that pass: nothing is computed on the meta device."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        weight = layer.get_parameter("weight")
        total += output.numel() * weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d | nn.Linear):
            layer.register_forward_hook(count)
    network.eval()(item)
    return total


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_full_size_vgg_has_the_published_parameters_and_cost() -> None:
    with torch.device("meta"):
        network, item = VGG16(), torch.empty(1, 3, 224, 224)
        assert parameters(network) == 134_289_223  # 138,357,544 with 1000 classes, as published
        assert multiply_accumulates(network, item) / 1e9 == pytest.approx(15.47, abs=0.01)


def test_full_size_c3d_has_the_published_parameters_and_cost() -> None:
    with torch.device("meta"):
        network, item = C3D(), torch.empty(1, 3, 16, 112, 112)
        assert parameters(network) / 1e6 == pytest.approx(78.0, abs=0.05)
        assert multiply_accumulates(network, item) / 1e9 == pytest.approx(38.55, abs=0.01)


def test_full_size_bilstm_has_the_published_parameters() -> None:
    with torch.device("meta"):
        assert parameters(BiLSTM()) / 1e6 == pytest.approx(42, abs=0.1)


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (VGG16, [*VGG_LAYERS, "fc6", "fc7", "fc8"]),
        (C3D, [*C3D_LAYERS, "fc6", "fc7", "fc8"]),
    ],
)
def test_layers_bear_the_names_of_the_published_checkpoints(
    network: Callable[..., nn.Module], names: list[str]
) -> None:
    with torch.device("meta"):
        found = list(network().state_dict())
    assert found == [f"{name}.{part}" for name in names for part in ("weight", "bias")]


def test_full_size_c3d_flattens_to_8192_before_fc6() -> None:
    with torch.device("meta"):
        assert C3D().fc6.in_features == 512 * 4 * 4


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("size", [32, 48, 56, 96, 112, 224])
def test_vgg_works_at_any_input_size(size: int, batch_norm: bool) -> None:
    with torch.device("meta"):
        network = VGG16(width=0.05, input_size=size, classes=6, batch_norm=batch_norm)
        fc6, logits = network.fc6_and_logits(torch.empty(2, 3, size, size))
    assert fc6.shape == (2, round(4096 * 0.05))
    assert logits.shape == (2, 6)


@pytest.mark.parametrize("size", [32, 48, 56, 96, 112])
def test_c3d_works_at_any_input_size(size: int) -> None:
    with torch.device("meta"):
        network = C3D(width=0.05, input_size=size, classes=6, batch_norm=True)
        assert network(torch.empty(2, 3, 16, size, size)).shape == (2, 6)


def test_fc6_activations_are_rectified_and_lead_to_the_logits() -> None:
    network = VGG16(width=0.02, input_size=32, classes=3).eval()
    initialise(network)
    pictures = torch.randn(4, 3, 32, 32)
    fc6, logits = network.fc6_and_logits(pictures)
    assert (fc6 >= 0).all() and (fc6 > 0).any()
    assert torch.allclose(network.fc8(network.fc7(fc6).relu()), logits)
    assert torch.equal(network(pictures), logits)


def test_fc7_is_read_where_the_settings_say_so_and_what_is_stored_says_it_too() -> None:
    network = VGG16(width=0.02, input_size=32, classes=3, read_layer="fc7").eval()
    initialise(network)
    pictures = torch.randn(4, 3, 32, 32)
    fc7, logits = network.fc6_and_logits(pictures)
    assert fc7.shape == (4, network.fc6_units) and torch.allclose(network.fc8(fc7), logits)
    again = VGG16(**network.architecture).eval()
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.fc6_and_logits(pictures)[0], fc7)
    before = VGG16(**{name: value for name, value in network.architecture.items() if name != "read_layer"})
    assert before.read_layer == "fc6"


def test_dropout_acts_in_training_only() -> None:
    network = VGG16(width=0.02, input_size=32, dropout=0.5)
    pictures = torch.randn(2, 3, 32, 32)
    assert not torch.equal(network.train()(pictures), network(pictures))
    assert torch.equal(network.eval()(pictures), network(pictures))


@pytest.mark.parametrize(
    ("network", "item"),
    [
        (VGG16(width=0.05, input_size=48, batch_norm=True), torch.randn(4, 3, 48, 48)),
        (C3D(width=0.05, input_size=32, batch_norm=True), torch.randn(4, 3, 16, 32, 32)),
    ],
    ids=["vgg", "c3d"],
)
def test_folding_batch_normalisation_keeps_the_answers(network: nn.Module, item: Tensor) -> None:
    initialise(network)
    network.train()
    for _ in range(3):  # running statistics that are not the initial ones
        network(item * 2 + 1)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.5, 0.5)
    with torch.no_grad():
        expected = network.eval()(item).softmax(1)
        assert not any(name.startswith("bn") for name, _ in folded(network).named_children())
        assert torch.allclose(network(item).softmax(1), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "item"),
    [
        (VGG16(width=0.1, input_size=48, batch_norm=True, dropout=0.0), torch.randn(16, 3, 48, 48)),
        (C3D(width=0.1, input_size=32, batch_norm=True, dropout=0.0), torch.randn(16, 3, 16, 32, 32)),
    ],
    ids=["vgg", "c3d"],
)
def test_layers_of_equal_size_start_close_to_the_identity(network: nn.Module, item: Tensor) -> None:
    initialise(network)
    inputs: dict[str, Tensor] = {}
    outputs: dict[str, Tensor] = {}

    def keep(name: str, given: Tensor, output: Tensor) -> None:
        inputs[name], outputs[name] = given.clone(), output.clone()  # rectified in place afterwards

    for name, layer in network.named_children():
        layer.register_forward_hook(lambda layer, given, output, name=name: keep(name, given[0], output))
    network.train()(item)
    kept = [name for name, x in inputs.items() if name.startswith("conv") and x.shape == outputs[name].shape]
    assert len(kept) >= 3
    for name in kept:
        after = outputs[name.replace("conv", "bn")].relu()
        assert torch.corrcoef(torch.stack([inputs[name].flatten(), after.flatten()]))[0, 1] > 0.8, name


def lstm_by_the_papers_equations(lstm: nn.LSTM, sequence: Tensor, suffix: str) -> Tensor:
    """Section 3.1.2 written out for one direction; PyTorch stacks the gates as i, f, g, o."""
    hidden = lstm.hidden_size
    w_x, w_h = lstm.get_parameter(f"weight_ih_l0{suffix}"), lstm.get_parameter(f"weight_hh_l0{suffix}")
    b = lstm.get_parameter(f"bias_ih_l0{suffix}") + lstm.get_parameter(f"bias_hh_l0{suffix}")
    rows = {gate: slice(n * hidden, (n + 1) * hidden) for n, gate in enumerate("ifgo")}
    h = c = torch.zeros(hidden)
    outputs = []
    for x in sequence:
        total = {gate: w_x[row] @ x + w_h[row] @ h + b[row] for gate, row in rows.items()}
        i, f, o = (torch.sigmoid(total[gate]) for gate in "ifo")
        g = torch.tanh(total["g"])
        c = f * c + i * g
        h = o * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def test_bilstm_computes_the_papers_equations_in_both_directions() -> None:
    network = BiLSTM(features=5, hidden=3, classes=4, dropout=0.5).eval()
    sequence = torch.randn(7, 5)
    with torch.no_grad():
        forward = lstm_by_the_papers_equations(network.lstm, sequence, "")
        backward = lstm_by_the_papers_equations(network.lstm, sequence.flip(0), "_reverse").flip(0)
        expected = network.fc(torch.cat([forward, backward], dim=1).mean(0))
        assert torch.allclose(network(sequence[None])[0], expected, atol=1e-6)


def test_bilstm_standardises_by_the_training_features() -> None:
    network = BiLSTM(features=5, hidden=3, classes=4)
    features = torch.randn(40, 2, 8, 5) * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]) + 7
    network.standardise_by(features)
    standard = (features - network.mean) * network.gain
    assert torch.allclose(standard.mean((0, 1, 2)), torch.zeros(5), atol=1e-4)
    assert torch.allclose(standard.std((0, 1, 2)), torch.ones(5), atol=0.02)


@pytest.mark.parametrize(
    ("network", "item", "expected"),
    [
        (VGG16(width=0.1, input_size=48), torch.zeros(1, 3, 48, 48), None),
        (C3D(width=0.1, input_size=32), torch.zeros(1, 3, 16, 32, 32), None),
        # Four gates of two directions: weights of input and of hidden state, once a time step.
        (BiLSTM(features=30, hidden=20), torch.zeros(1, 6, 30), 2 * (6 * 2 * 4 * 20 * (30 + 20) + 40 * 7)),
    ],
    ids=["vgg", "c3d", "bilstm"],
)
def test_floating_point_operations_are_counted_without_computing(
    network: nn.Module, item: Tensor, expected: float | None
) -> None:
    assert forward_flops(network, item) == (expected or 2 * multiply_accumulates(network, item))


def still(frames: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 3, 1, 32, 32).expand(-1, -1, frames, -1, -1)


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_a_convolution_sees_a_single_frame_as_one_of_a_window_without_motion(layer: str) -> None:
    torch.manual_seed(0)
    network = C3D(width=0.05, input_size=32, batch_norm=True).eval()
    channels = network.get_submodule(layer).get_parameter("weight").shape[1]
    single = torch.randn(2, channels, 1, 32, 32)
    inner = network.normalised(layer, single.expand(-1, -1, 16, -1, -1))[:, :, 1:-1]
    assert torch.allclose(inner, network.normalised(layer, single).expand_as(inner), atol=1e-5)


@pytest.mark.parametrize("last_pool", ["leading", "trailing"])
def test_where_nothing_crosses_frames_a_single_one_answers_as_a_window_without_motion(last_pool: str) -> None:
    torch.manual_seed(0)
    network = C3D(width=0.05, input_size=32, batch_norm=True, last_pool=last_pool).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv3d):
                module.weight[:, :, [0, 2]] = 0
    assert torch.allclose(network(still(1)), network(still(16)), atol=1e-5)


@pytest.mark.parametrize(("deep", "frames", "side"), [(1, 16, 8), (2, 16, 8), (2, 2, 7)])
@pytest.mark.parametrize(("border", "trailing"), [(False, False), (True, False), (False, True)])
def test_pooling_in_two_steps_gives_what_pooling_in_three_dimensions_gives(
    deep: int, frames: int, side: int, border: bool, trailing: bool
) -> None:
    maps = torch.randn(2, 3, frames, side, side, generator=torch.Generator().manual_seed(0), requires_grad=True)
    other = maps.detach().clone().requires_grad_()
    padding = (0, 1, 1) if border else 0
    expected = nn.functional.max_pool3d(maps, (deep, 2, 2), padding=padding, ceil_mode=trailing)
    found = pooled_in_two(other, deep, border=border, trailing=trailing)
    assert torch.equal(found, expected)
    expected.square().sum().backward()
    found.square().sum().backward()
    assert maps.grad is not None and other.grad is not None
    torch.testing.assert_close(other.grad, maps.grad)
