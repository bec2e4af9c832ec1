"""Checkpoints of PyTorch, Caffe and Torch7: after import our networks answer as the original ones do.

The original networks are written out here with convolutions and pools of torch alone, on random weights.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from affekt.errors import DataError
from affekt.pretrained.installing import install
from affekt.training.starting_weights import start_c3d, start_vgg

RNG = np.random.default_rng(5)
CLASSES, UNITS = 7, 410  # units of a tenth of the published width
VGG = [("1", 6, 2), ("2", 13, 2), ("3", 26, 3), ("4", 51, 3), ("5", 51, 3)]
C3D = [("conv1a", 6), ("conv2a", 13), ("conv3a", 26), ("conv3b", 26), ("conv4a", 51), ("conv4b", 51), ("conv5a", 51),
       ("conv5b", 51)]  # fmt: skip
FACES_BGR = (93.59396362304688, 104.76238250732422, 129.186279296875)
SPORTS_BGR = (90.25, 97.66, 101.41)
ARGUMENTS: dict[str, Any] = {"width": 0.1, "classes": CLASSES, "batch_norm": False, "dropout": 0.5, "seed": 0}

Layer = tuple[str, np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))


def layer(name: str, *shape: int) -> Layer:
    """A layer that keeps the size of what passes through it, so that a wrong one shows in the answer."""
    weights = RNG.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return name, weights.astype(np.float32), (RNG.standard_normal(shape[0]) * 0.5).astype(np.float32)


def inner_products(names: tuple[str, str, str], inputs: int) -> list[Layer]:
    sizes = ((UNITS, inputs), (UNITS, UNITS), (CLASSES, UNITS))
    return [layer(name, *size) for name, size in zip(names, sizes, strict=True)]


def vgg_layers() -> list[Layer]:
    layers, into = [], 3
    for group, channels, count in VGG:
        for number in range(1, count + 1):
            layers.append(layer(f"conv{group}_{number}", channels, into, 3, 3))
            into = channels
    return layers + inner_products(("fc6", "fc7", "fc8"), into * 2 * 2)


def c3d_layers() -> list[Layer]:
    layers, into = [], 3
    for name, channels in C3D:
        layers.append(layer(name, channels, into, 3, 3, 3))
        into = channels
    return layers + inner_products(("fc6-1", "fc7-1", "fc8-1"), into * 2 * 2)


def tensors(layers: list[Layer]) -> list[tuple[Tensor, Tensor]]:
    return [(torch.from_numpy(weight), torch.from_numpy(bias)) for _, weight, bias in layers]


def vgg_reference(layers: list[Layer], values: Tensor) -> Tensor:
    """VGG-16 on ``[N, 3, H, W]``: Caffe's and Torch7's convolutions are correlations, as torch's are."""
    stack = tensors(layers)
    for _, _, count in VGG:
        for _ in range(count):
            values = F.relu(F.conv2d(values, *stack.pop(0), padding=1))
        values = F.max_pool2d(values, 2, stride=2, ceil_mode=True)
    return answers(values, stack)


def c3d_reference(layers: list[Layer], values: Tensor, *, border: bool) -> Tensor:
    """C3D on ``[N, 3, 16, H, W]``, its last pool with a border of one pixel or rounded up as Caffe does."""
    stack = tensors(layers)
    for number in range(8):
        values = F.relu(F.conv3d(values, *stack.pop(0), padding=1))
        if number == 0:
            values = F.max_pool3d(values, (1, 2, 2))
        elif number in (1, 3, 5):
            values = F.max_pool3d(values, 2)
    values = F.max_pool3d(values, 2, padding=(0, 1, 1)) if border else F.max_pool3d(values, 2, ceil_mode=True)
    return answers(values, stack)


def answers(values: Tensor, stack: list[tuple[Tensor, Tensor]]) -> Tensor:
    values = values.reshape(len(values), -1)
    for weight, bias in stack[:-1]:
        values = F.relu(values @ weight.T + bias)
    return values @ stack[-1][0].T + stack[-1][1]


def caffe_file(path: Path, layers: list[Layer], *, old: bool = False) -> Path:
    """What ``np.savez`` of the blobs gives; old versions of Caffe keep all of a network's blobs equally deep."""
    blobs = {f"{name}.{number}": blob for name, *both in layers for number, blob in enumerate(both)}
    if old:
        deep = max(blob.ndim for blob in blobs.values())
        blobs = {name: blob.reshape((1,) * (deep - blob.ndim) + blob.shape) for name, blob in blobs.items()}
    np.savez(path, **blobs)
    return path


def torch7_file(path: Path, layers: list[Layer], *, rows: bool) -> Path:
    """The parameters of a sequence by the number of each module: a rectification follows each, sometimes a pool."""
    arrays: dict[str, np.ndarray] = {}
    number = 0
    for index, (_, weight, bias) in enumerate(layers):
        number += 3 if index % 3 == 2 else 2
        flat = weight.reshape(len(weight), -1) if rows else weight
        arrays |= {f"{number}.weight": flat, f"{number}.bias": bias}
    np.savez(path, **dict(sorted(arrays.items(), reverse=True)))
    return path


def port_file(path: Path, layers: list[Layer]) -> Path:
    state = {}
    for name, weight, bias in layers:
        ours = {"conv1a": "conv1", "conv2a": "conv2"}.get(name, name.removesuffix("-1"))
        state |= {f"{ours}.weight": torch.from_numpy(weight), f"{ours}.bias": torch.from_numpy(bias)}
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as the published files are
    return path


def centred_bgr(pictures: np.ndarray, mean: tuple[float, float, float]) -> Tensor:
    """RGB pictures ``[…, H, W, 3]`` as ``[…, 3, H, W]``: blue first, less the mean colour."""
    blue_first = np.stack([pictures[..., 2], pictures[..., 1], pictures[..., 0]], axis=-1).astype(np.float32)
    return torch.from_numpy(np.moveaxis(blue_first - np.asarray(mean, np.float32), -1, -3))


def pictures(*shape: int, grey: bool) -> np.ndarray:
    found = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    return np.repeat(found[..., :1], 3, axis=-1) if grey else found


@pytest.mark.parametrize("grey", [True, False], ids=["grey", "colour"])
@pytest.mark.parametrize("old", [False, True], ids=["blobs", "old blobs"])
def test_a_vgg_of_caffe_answers_as_in_caffe(tmp_path: Path, old: bool, grey: bool) -> None:
    layers = vgg_layers()
    install(caffe_file(tmp_path / "vgg.npz", layers, old=old), "vgg_face", name="from_caffe")
    network, preprocessing = start_vgg(input_size=48, pretrained="from_caffe", **ARGUMENTS)
    faces = pictures(2, 48, 48, grey=grey)
    expected = vgg_reference(layers, centred_bgr(faces, FACES_BGR))
    taken = preprocessing if grey else dataclasses.replace(preprocessing, grey=False)
    found = network.eval()(taken.to_input(torch.from_numpy(faces[..., :1] if grey else faces)))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("rows", [False, True], ids=["kernels", "kernels in rows"])
def test_a_vgg_of_torch7_answers_as_in_torch7(tmp_path: Path, rows: bool) -> None:
    layers = vgg_layers()
    install(torch7_file(tmp_path / "vgg.npz", layers, rows=rows), "vgg_face")
    network, preprocessing = start_vgg(input_size=48, pretrained="vgg_face", **ARGUMENTS)
    faces = pictures(2, 48, 48, grey=False)
    expected = vgg_reference(layers, centred_bgr(faces, FACES_BGR))
    found = network.eval()(dataclasses.replace(preprocessing, grey=False).to_input(torch.from_numpy(faces)))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


def test_the_pytorch_port_of_vgg_takes_red_first(tmp_path: Path) -> None:
    layers = vgg_layers()
    install(port_file(tmp_path / "vgg_face_dag.pth", layers), "vgg_face")
    network, preprocessing = start_vgg(input_size=48, pretrained="vgg_face", **ARGUMENTS)
    faces = pictures(2, 48, 48, grey=False)
    expected = vgg_reference(layers, centred_bgr(faces, FACES_BGR).flip(1))
    found = network.eval()(dataclasses.replace(preprocessing, grey=False).to_input(torch.from_numpy(faces)))
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("grey", [True, False], ids=["grey", "colour"])
@pytest.mark.parametrize(("made", "border"), [(caffe_file, False), (port_file, True)], ids=["caffe", "pytorch"])
def test_a_c3d_answers_as_where_it_is_from(tmp_path: Path, made: Any, border: bool, grey: bool) -> None:
    layers = c3d_layers()
    install(made(tmp_path / ("c3d.npz" if made is caffe_file else "c3d.pickle"), layers), "c3d_sports1m")
    network, preprocessing = start_c3d(input_size=48, pretrained="c3d_sports1m", **ARGUMENTS)
    film = pictures(1, 16, 48, 48, grey=grey)
    values = centred_bgr(film, SPORTS_BGR).transpose(1, 2)
    taken = preprocessing if grey else dataclasses.replace(preprocessing, grey=False)
    inputs = taken.to_input(torch.from_numpy(film[..., :1] if grey else film)).transpose(1, 2)
    found = network.eval()(inputs)
    assert torch.allclose(found, c3d_reference(layers, values, border=border), rtol=1e-4, atol=1e-3)
    # The two kinds of last pool differ, so the test above sees which one it is.
    assert not torch.allclose(found, c3d_reference(layers, values, border=not border), rtol=1e-2, atol=1e-1)


def test_old_blobs_of_c3d_are_read(tmp_path: Path) -> None:
    layers = c3d_layers()
    install(caffe_file(tmp_path / "c3d.npz", layers, old=True), "c3d_sports1m")
    network, _ = start_c3d(input_size=48, pretrained="c3d_sports1m", **ARGUMENTS)
    assert torch.equal(network.fc6.weight, torch.from_numpy(layers[8][1]))
    assert torch.equal(network.get_parameter("conv5b.bias"), torch.from_numpy(layers[7][2]))


def renamed(layers: list[Layer]) -> list[Layer]:
    return [("conv9_9" if name == "conv3_2" else name, weight, bias) for name, weight, bias in layers]


def without_one(layers: list[Layer]) -> list[Layer]:
    return [one for one in layers if one[0] != "conv3_2"]


def turned(layers: list[Layer]) -> list[Layer]:
    """Inner products as (in, out), which some exporters write."""
    return [(name, weight.T.copy() if name == "fc6" else weight, bias) for name, weight, bias in layers]


def endless(layers: list[Layer]) -> list[Layer]:
    layers[3][1][0, 0, 0, 0] = np.nan
    return layers


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (renamed, "wrong_layout", ["conv9_9", "caffe"]),
        (without_one, "wrong_layout", ["conv3_2.weight", "missing"]),
        (turned, "wrong_shape", ["fc6.weight", "[204, 410]"]),
        (endless, "damaged", ["conv2_2.weight", "finite"]),
    ],
)
def test_an_exchange_file_that_does_not_fit_is_refused(
    tmp_path: Path, change: Any, code: str, words: list[str]
) -> None:
    path = caffe_file(tmp_path / "vgg.npz", change(vgg_layers()))
    with pytest.raises(DataError) as caught:
        install(path, "vgg_face")
    assert (caught.value.code, caught.value.where) == (code, str(path))
    assert all(word in caught.value.message for word in words), caught.value.message
    assert not (tmp_path / "home" / "weights" / "vgg_face").exists()


def test_one_layout_is_not_read_as_another(tmp_path: Path) -> None:
    path = caffe_file(tmp_path / "vgg.npz", vgg_layers())
    with pytest.raises(DataError, match=r"conv1_1\.weight") as caught:
        install(path, "vgg_face", layout="pytorch")
    assert caught.value.code == "wrong_layout"
    with pytest.raises(DataError, match="numbered modules"):
        install(path, "vgg_face", layout="torch7")


def test_one_network_is_not_taken_for_the_other(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"caffe layout of c3d"):
        install(caffe_file(tmp_path / "vgg.npz", vgg_layers()), "c3d_sports1m")
    with pytest.raises(DataError, match="11 numbered modules"):
        install(torch7_file(tmp_path / "t7.npz", vgg_layers(), rows=False), "c3d_sports1m")


def test_a_pickle_inside_an_exchange_file_is_not_loaded(tmp_path: Path) -> None:
    arrays = {f"{name}.{number}": blob for name, *both in vgg_layers() for number, blob in enumerate(both)}
    np.savez(tmp_path / "vgg.npz", **{**arrays, "conv1_1.0": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(DataError) as caught:
        install(tmp_path / "vgg.npz", "vgg_face")
    assert caught.value.code == "damaged"


def as_caffe(layers: list[Layer]) -> Any:
    """What ``caffe.Net`` gives: for each layer its blobs."""
    blobs = {name: [SimpleNamespace(data=blob) for blob in both] for name, *both in layers}
    return SimpleNamespace(Net=lambda *files: SimpleNamespace(params=blobs), TEST=1)


def as_caffe_file(layers: list[Layer]) -> Any:
    """What ``caffe_pb2`` gives for C3D: layers with blobs of five dimensions and their values in a row."""

    def blob(values: np.ndarray) -> Any:
        sides = (1,) * (5 - values.ndim) + values.shape
        named = dict(zip(("num", "channels", "length", "height", "width"), sides, strict=True))
        return SimpleNamespace(data=values.ravel().tolist(), **named)

    found = [SimpleNamespace(name="relu", blobs=[])]
    found += [SimpleNamespace(name=name, blobs=[blob(values) for values in both]) for name, *both in layers]
    return SimpleNamespace(NetParameter=lambda: SimpleNamespace(layers=found, ParseFromString=lambda content: None))


def as_torchfile(layers: list[Layer]) -> Any:
    """What ``torchfile.load`` gives: a sequence in which a module without weights follows each that has them."""
    plain = SimpleNamespace(weight=None)
    found = [SimpleNamespace(weight=weight.reshape(len(weight), -1), bias=bias) for _, weight, bias in layers]
    return SimpleNamespace(load=lambda file: SimpleNamespace(modules=[one for pair in found for one in (pair, plain)]))


@pytest.mark.parametrize(
    ("tool", "stand_in", "made", "checkpoint"),
    [
        ("caffe", as_caffe, vgg_layers, "vgg_face"),
        ("caffe_pb2", as_caffe_file, c3d_layers, "c3d_sports1m"),
        ("torchfile", as_torchfile, vgg_layers, "vgg_face"),
    ],
)
def test_the_documented_lines_write_what_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str, stand_in: Any, made: Any, checkpoint: str
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")
    lines = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    (script,) = [block for block in lines if re.search(rf"\b{tool}\b", block)]
    layers = made()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, tool, stand_in(layers))
    Path("conv3d_deepnetA_sport1m_iter_1900000").touch()
    exec(script, {})
    (written,) = tmp_path.glob("*.npz")
    install(written, checkpoint)
    start = start_vgg if checkpoint == "vgg_face" else start_c3d
    network, _ = start(input_size=48, pretrained=checkpoint, **ARGUMENTS)
    kept = [value for name, value in network.state_dict().items() if name.endswith("weight")]
    assert all(np.array_equal(value, weight) for value, (_, weight, _) in zip(kept, layers, strict=True))


@pytest.mark.slow
def test_a_vgg_in_full_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    published = [("1", 64, 2), ("2", 128, 2), ("3", 256, 3), ("4", 512, 3), ("5", 512, 3)]
    state, into = {}, 3
    for group, channels, count in published:
        for number in range(1, count + 1):
            state[f"conv{group}_{number}.weight"] = torch.randn(channels, into, 3, 3) * (2 / into / 9) ** 0.5
            state[f"conv{group}_{number}.bias"] = torch.randn(channels) * 0.1
            into = channels
    for name, shape in {"fc6": (4096, 25088), "fc7": (4096, 4096), "fc8": (2622, 4096)}.items():
        state[f"{name}.weight"] = torch.randn(shape) * (2 / shape[1]) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0]) * 0.1
    torch.save(state, tmp_path / "vgg_face_dag.pth")
    kept = install(tmp_path / "vgg_face_dag.pth", "vgg_face")
    assert (kept.width, kept.classes) == (1.0, 2622)
    arguments = {**ARGUMENTS, "width": 1.0, "classes": 2622}
    network, preprocessing = start_vgg(input_size=224, pretrained="vgg_face", **arguments)
    faces = torch.from_numpy(pictures(1, 224, 224, grey=True)[..., :1])
    values = (faces.float() - torch.tensor(FACES_BGR).flip(0)).movedim(-1, 1)
    with torch.no_grad():
        for group, _, count in published:
            for number in range(1, count + 1):
                name = f"conv{group}_{number}"
                values = F.relu(F.conv2d(values, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
            values = F.max_pool2d(values, 2)
        expected = answers(values, [(state[f"fc{n}.weight"], state[f"fc{n}.bias"]) for n in (6, 7, 8)])
        found = network.eval()(preprocessing.to_input(faces))
    assert torch.allclose(found, expected, rtol=1e-3, atol=1e-2)
