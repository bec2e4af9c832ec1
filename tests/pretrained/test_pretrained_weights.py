"""VGG-Face and Sports-1M checkpoints: what fits is taken over, what does not is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from affekt.errors import DataError
from affekt.training.starting_weights import start_c3d, start_vgg

VGG_CONVOLUTIONS = {
    "conv1_1": (3, 6), "conv1_2": (6, 6), "conv2_1": (6, 13), "conv2_2": (13, 13), "conv3_1": (13, 26),
    "conv3_2": (26, 26), "conv3_3": (26, 26), "conv4_1": (26, 51), "conv4_2": (51, 51), "conv4_3": (51, 51),
    "conv5_1": (51, 51), "conv5_2": (51, 51), "conv5_3": (51, 51),
}  # fmt: skip
C3D_CONVOLUTIONS = {
    "conv1": (3, 6), "conv2": (6, 13), "conv3a": (13, 26), "conv3b": (26, 26), "conv4a": (26, 51), "conv4b": (51, 51),
    "conv5a": (51, 51), "conv5b": (51, 51),
}  # fmt: skip
UNITS = 410  # of a tenth of the published width


def published(
    convolutions: dict[str, tuple[int, int]], deep: tuple[int, ...], flat: int, classes: int
) -> dict[str, Tensor]:
    """Random weights in the layout of a published checkpoint, a tenth as wide."""
    state = {}
    shapes: dict[str, tuple[int, ...]] = {name: (out, into, *deep) for name, (into, out) in convolutions.items()}
    shapes |= {"fc6": (UNITS, flat), "fc7": (UNITS, UNITS), "fc8": (classes, UNITS)}
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape)
        state[f"{name}.bias"] = torch.randn(shape[0])
    return state


def vgg_face(classes: int = 2622) -> dict[str, Tensor]:
    return published(VGG_CONVOLUTIONS, (3, 3), 51 * 2 * 2, classes)


def sports_1m(classes: int = 487) -> dict[str, Tensor]:
    return published(C3D_CONVOLUTIONS, (3, 3, 3), 51 * 2 * 2, classes)


ARGUMENTS: dict[str, Any] = {"width": 0.1, "classes": 7, "batch_norm": False, "dropout": 0.5, "seed": 0}
NETWORKS = pytest.mark.parametrize(
    ("start", "size", "state"),
    [(start_vgg, 48, vgg_face), (start_c3d, 56, sports_1m)],
    ids=["vgg-face", "sports-1m"],
)


@NETWORKS
@pytest.mark.parametrize("form", ["pth", "safetensors", "nested"])
def test_published_weights_are_taken_over_and_the_last_layer_is_replaced(
    start: Any, size: int, state: Any, form: str, tmp_path: Path
) -> None:
    tensors = state()
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.pth")
    if form == "safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        content = {"state_dict": {f"module.{name}": value for name, value in tensors.items()}}
        torch.save(content if form == "nested" else tensors, path)
    network, _ = start(input_size=size, pretrained=str(path), **ARGUMENTS)
    for name, value in network.state_dict().items():
        if name.startswith("fc8"):
            assert len(value) == 7
        else:
            assert torch.equal(value, tensors[name]), name


@NETWORKS
def test_a_last_layer_of_the_same_size_is_kept(start: Any, size: int, state: Any, tmp_path: Path) -> None:
    tensors = state(classes=7)
    torch.save(tensors, tmp_path / "weights.pth")
    network, _ = start(input_size=size, pretrained=str(tmp_path / "weights.pth"), **ARGUMENTS)
    assert torch.equal(network.fc8.weight, tensors["fc8.weight"])


def test_the_preprocessing_of_the_published_weights_comes_with_them(tmp_path: Path) -> None:
    torch.save(vgg_face(), tmp_path / "vgg.pth")
    torch.save(sports_1m(), tmp_path / "c3d.pickle")
    _, of_vgg = start_vgg(input_size=48, pretrained=str(tmp_path / "vgg.pth"), **ARGUMENTS)
    _, of_c3d = start_c3d(input_size=56, pretrained=str(tmp_path / "c3d.pickle"), **ARGUMENTS)
    assert (of_vgg.order, of_vgg.scale, of_vgg.mean[0]) == ("rgb", 1.0, pytest.approx(129.186, abs=1e-3))
    assert (of_c3d.order, of_c3d.scale) == ("bgr", 1.0)


def test_published_weights_fit_a_network_with_batch_normalisation(tmp_path: Path) -> None:
    tensors = vgg_face()
    torch.save(tensors, tmp_path / "vgg.pth")
    arguments = {**ARGUMENTS, "batch_norm": True}
    network, _ = start_vgg(input_size=48, pretrained=str(tmp_path / "vgg.pth"), **arguments)
    assert torch.equal(network.get_parameter("conv5_3.weight"), tensors["conv5_3.weight"])


def test_random_weights_come_from_the_seed() -> None:
    first, again, other = (
        start_vgg(input_size=48, pretrained=None, **{**ARGUMENTS, "seed": seed})[0].fc6.weight for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def drop_a_layer(state: dict[str, Tensor]) -> Any:
    del state["conv3_2.weight"]
    return state


def widen_a_layer(state: dict[str, Tensor]) -> Any:
    state["conv3_2.weight"] = torch.zeros(256, 256, 3, 3)
    return state


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (drop_a_layer, "wrong_layout", ["conv3_2.weight", "VGG16"]),
        (widen_a_layer, "wrong_shape", ["conv3_2.weight", "[256, 256, 3, 3]", "[26, 26, 3, 3]"]),
        (lambda state: {"layer1.0.weight": torch.zeros(1)}, "wrong_layout", ["layer1.0.weight", "conv1_1.weight"]),
        (lambda state: [torch.zeros(1)], "wrong_layout", ["state dict", "list"]),
    ],
    ids=["missing layer", "other shape", "other network", "no state dict"],
)
def test_weights_that_do_not_fit_are_refused_by_name(change: Any, code: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(change(vgg_face()), path)
    with pytest.raises(DataError) as caught:
        start_vgg(input_size=48, pretrained=str(path), **ARGUMENTS)
    assert caught.value.code == code
    assert caught.value.where == str(path)
    assert all(word in caught.value.message for word in words)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_a_truncated_file_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix == ".pth":
        torch.save(vgg_face(), path)
    else:
        safetensors.torch.save_file(vgg_face(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="is it complete") as caught:
        start_vgg(input_size=48, pretrained=str(path), **ARGUMENTS)
    assert (caught.value.code, caught.value.where) == ("damaged", str(path))


def test_a_file_in_which_a_byte_differs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(vgg_face(), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not what was stored, by its checksum") as caught:
        start_vgg(input_size=48, pretrained=str(path), **ARGUMENTS)
    assert (caught.value.code, caught.value.where) == ("damaged", str(path))


def test_a_checkpoint_with_more_than_tensors_says_what_it_holds(tmp_path: Path) -> None:
    torch.save({"model": vgg_face(), "epoch": 3}, tmp_path / "weights.pth")
    with pytest.raises(DataError, match="found dict with model, epoch"):
        start_vgg(input_size=48, pretrained=str(tmp_path / "weights.pth"), **ARGUMENTS)


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("executed"),))


def test_nothing_in_a_checkpoint_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**vgg_face(), "extra": Hostile()}, tmp_path / "weights.pth")
    with pytest.raises(DataError):
        start_vgg(input_size=48, pretrained=str(tmp_path / "weights.pth"), **ARGUMENTS)
    assert not (tmp_path / "executed").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        start_vgg(input_size=48, pretrained=str(tmp_path / "nowhere.pth"), **ARGUMENTS)
    assert "nowhere.pth" in str(caught.value)
