"""Tensors out of files that other people made: PyTorch, safetensors, and arrays that Caffe or Torch7 exported."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from affekt.counted import counted
from affekt.errors import DataError
from affekt.pretrained.layers import CONVOLUTIONS, KERNEL, check_shapes, layers_of
from affekt.pretrained.not_a_checkpoint import MAX_BYTES, refuse_other_content
from affekt.pretrained.tensorflow_js import mobilenet_of, read_graph
from affekt.storage import file_digest

#: C3D's layers as its Caffe definition names them, where that differs.
_CAFFE_NAMES = {"conv1a": "conv1", "conv2a": "conv2", "fc6-1": "fc6", "fc7-1": "fc7", "fc8-1": "fc8"}
_CAFFE = re.compile(r"(.+)\.([01])")
_TORCH7 = re.compile(r"([0-9]+)\.(weight|bias)")
_PARTS = ("weight", "bias")


def read_state(path: Path, shown: str | None = None) -> dict[str, Tensor]:
    """The tensors of a state dict file, PyTorch, safetensors or an exchange file (npz); nothing in it is executed.

    Args:
        path: the file; its kind is seen from its name, or where that says nothing from its first bytes.
        shown: how errors name the file.

    Raises:
        DataError: there is no such file, it cannot be read, or it holds something else than tensors by name.
    """
    where = shown or str(path)
    refuse_other_content(path, where)
    kind = _kind(path)
    try:
        if kind == "npz":
            return _read_arrays(path, where)
        if kind == "safetensors":
            return load_file(path)
        if kind == "tensorflow_js":
            return read_graph(path, where)
        _refuse_changed(path, where)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except Exception as error:  # torch and safetensors raise many kinds for a file that is not what it should be
        raise DataError(
            "cannot be read as a file of tensors (PyTorch, safetensors or npz), or holds code, which is never run; "
            "is it complete?",
            code="damaged",
            where=where,
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise DataError(
            f"expected a state dict (tensors by name), found {type(state).__name__}{_keys(state)}", code="wrong_layout",
            where=where,
        )  # fmt: skip
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def layout_of(path: Path, state: Mapping[str, Tensor]) -> str:
    """The layout that the names of a file speak of; Caffe and Torch7 come as exchange files only."""
    if _kind(path) == "tensorflow_js":
        return "tensorflow_js"
    if _kind(path) == "npz" and state:
        if all(_CAFFE.fullmatch(name) for name in state):
            return "caffe"
        if all(_TORCH7.fullmatch(name) for name in state):
            return "torch7"
    return "pytorch"


def converted(state: Mapping[str, Tensor], network: str, layout: str, *, where: str) -> dict[str, Tensor]:
    """The tensors as float32 under our names, which are those of the PyTorch ports.

    Caffe's blobs 0 and 1 of a layer are its weights and biases; old versions store all with as many dimensions, the
    first of them 1. Torch7 numbers its modules; those with weights are the layers in their order, and
    ``SpatialConvolutionMM`` stores its kernels in rows. All flatten channel by channel, as PyTorch does.

    Raises:
        DataError: a name is not of the layout, or the values are no finite numbers.
    """
    if layout == "caffe":
        named = _from_caffe(state, network, where)
    elif layout == "torch7":
        named = _from_torch7(state, network, where)
    elif layout == "tensorflow_js":
        named = mobilenet_of(state, where)
    else:
        named = dict(state)
    for name, value in named.items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise DataError(
                f"{name} ({str(value.dtype).removeprefix('torch.')}) is not made of finite decimal numbers",
                code="damaged",
                where=where,
            )
    # Copies: tensors of a pickle may share memory, which safetensors refuses.
    return {name: value.float().clone(memory_format=torch.contiguous_format) for name, value in named.items()}


def examined(path: Path) -> str:
    """What checkpoint a file holds, in a sentence; its layers are checked.

    Raises:
        DataError: as :func:`read_state` does, or its layers are of no known network, or do not fit together.
    """
    where = str(path)
    state = read_state(path)
    layout = layout_of(path, state)
    if layout == "tensorflow_js":
        found = mobilenet_of(state, where)
        size = check_shapes("mobilenet", {name: tuple(value.shape) for name, value in found.items()}, where=where)
        return f"mobilenet in the layout {layout}, width {size.width:g}, SHA-256 {file_digest(path)}"
    # Of the two networks, the one that shares more names; numbered modules have none, but not the same number.
    layers = {name.rpartition(".")[0] for name in state}
    layers = {_CAFFE_NAMES.get(layer, layer) for layer in layers}
    network = max(CONVOLUTIONS, key=lambda known: len(layers & set(CONVOLUTIONS[known])))
    if layout == "torch7":
        network = min(CONVOLUTIONS, key=lambda known: abs(len(layers_of(known)) - len(layers)))
    state = converted(state, network, layout, where=where)
    size = check_shapes(network, {name: tuple(value.shape) for name, value in state.items()}, where=where)
    return (
        f"{network} in the layout {layout}, {counted(size.classes, 'classes')}, width {size.width:g}, "
        f"SHA-256 {file_digest(path)}"
    )


def _from_caffe(state: Mapping[str, Tensor], network: str, where: str) -> dict[str, Tensor]:
    named = {}
    for name, value in state.items():
        match = _CAFFE.fullmatch(name)
        layer = _CAFFE_NAMES.get(match[1], match[1]) if match else ""
        if match is None or layer not in layers_of(network):
            raise DataError(
                f"{name} is not of the caffe layout of {network}; expected the blobs "
                f"{CONVOLUTIONS[network][0]}.0 and .1 to fc8.0 and .1",
                code="wrong_layout",
                where=where,
            )
        part = _PARTS[int(match[2])]
        dimensions = 1 if part == "bias" else 2 if layer.startswith("fc") else value.ndim
        if value.ndim > dimensions and all(side == 1 for side in value.shape[:-dimensions]):
            value = value.reshape(value.shape[-dimensions:])
        named[f"{layer}.{part}"] = value
    return named


def _from_torch7(state: Mapping[str, Tensor], network: str, where: str) -> dict[str, Tensor]:
    layers = layers_of(network)
    numbers = sorted({int(match[1]) for name in state if (match := _TORCH7.fullmatch(name))})
    if len(numbers) != len(layers) or len(state) != 2 * len(layers):
        raise DataError(
            f"expected the weights and biases of {counted(len(layers), 'numbered modules')} (1.weight, 1.bias, …) "
            f"of {network}, found {counted(len(state), 'arrays')} of {len(numbers)}: "
            f"{', '.join(list(state)[:3]) or 'none'} …",
            code="wrong_layout",
            where=where,
        )
    by_number = dict(zip(numbers, layers, strict=True))
    named = {}
    for name, value in state.items():
        match = _TORCH7.fullmatch(name)
        assert match is not None
        layer, part = by_number[int(match[1])], match[2]
        taps = int(np.prod(KERNEL[network]))
        if layer in CONVOLUTIONS[network] and part == "weight" and value.ndim == 2 and value.shape[1] % taps == 0:
            value = value.reshape(len(value), -1, *KERNEL[network])
        named[f"{layer}.{part}"] = value
    return named


def _kind(path: Path) -> str:
    """``npz``, ``safetensors``, ``tensorflow_js`` or ``pytorch``."""
    if path.suffix == ".json":
        return "tensorflow_js"
    if path.suffix in {".npz", ".safetensors"}:
        return path.suffix[1:]
    with path.open("rb") as file:
        first = file.read(9)
    if first[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                return "npz" if all(name.endswith(".npy") for name in archive.namelist()) else "pytorch"
        except zipfile.BadZipFile:  # half an archive: torch says so
            return "pytorch"
    # safetensors: the length of the header in eight bytes, then the header, which is JSON.
    return "safetensors" if first[8:] == b"{" and int.from_bytes(first[:8], "little") < MAX_BYTES else "pytorch"


def _keys(content: object) -> str:
    return f" with {', '.join(str(key) for key in list(content)[:4])}" if isinstance(content, dict) else ""


def _refuse_changed(path: Path, where: str) -> None:
    """Compare the tensors of a PyTorch file with their checksums, at which PyTorch does not look; old ones have none.

    Raises:
        DataError: one differs.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        changed = archive.testzip()
    if changed:
        raise DataError(
            f"{changed} within it is not what was stored, by its checksum; get the file again", code="damaged",
            where=where,
        )  # fmt: skip


def _read_arrays(path: Path, where: str) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_BYTES:
        raise DataError(
            f"unpacks to {unpacked:,} bytes, expected at most {MAX_BYTES:,} of a checkpoint",
            code="too_large",
            where=where,
        )
    with np.load(path, allow_pickle=False) as arrays:
        return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
