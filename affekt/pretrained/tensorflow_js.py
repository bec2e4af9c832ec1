"""TensorFlow.js graph models: the tensors that a ``.json`` file describes and a ``.bin`` file beside it holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from affekt.errors import DataError

_TYPES = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4")}
_MULTIPLIERS = "conv_dw_{}_bn/batchnorm_1/mul"


def read_graph(path: Path, where: str) -> dict[str, Tensor]:
    """The tensors of a graph model under their own names.

    Args:
        path: the ``.json`` file; those with the weights lie beside it, as it names them.
        where: how errors name it.

    Raises:
        DataError: a file is missing, cut off, or is no such model.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        groups = [([str(name) for name in group["paths"]], list(group["weights"])) for group in manifest]
        found: dict[str, Tensor] = {}
        for paths, weights in groups:
            content = b"".join(_beside(path, name, where) for name in paths)
            found |= _tensors(content, weights, where)
        return found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"is no graph model of TensorFlow.js ({type(error).__name__}: {error})", code="damaged", where=where
        ) from error


def _beside(path: Path, name: str, where: str) -> bytes:
    if Path(name).name != name:
        raise DataError(f"names the weights file {name!r}, expected one beside it", code="damaged", where=where)
    file = path.with_name(name)
    if not file.is_file():
        raise DataError(f"its weights file {name} is not beside it", code="missing", where=where)
    return file.read_bytes()


def _tensors(content: bytes, weights: list[Mapping[str, object]], where: str) -> dict[str, Tensor]:
    found, at = {}, 0
    for entry in weights:
        if "quantization" in entry:
            raise DataError("its weights are quantised, expected float32", code="wrong_layout", where=where)
        kind = _TYPES[str(entry["dtype"])]
        shape = tuple(int(side) for side in entry["shape"])  # type: ignore[attr-defined]
        count = int(np.prod(shape, dtype=np.int64))
        if at + count * kind.itemsize > len(content):
            raise DataError("its weights file is cut off", code="damaged", where=where)
        values = np.frombuffer(content, kind, count, at).reshape(shape)
        found[str(entry["name"])] = torch.from_numpy(values.copy())
        at += count * kind.itemsize
    if at != len(content):
        raise DataError(f"its weights file has {len(content) - at:,} bytes too many", code="damaged", where=where)
    return found


def mobilenet_of(state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """A graph's MobileNet under the names of :class:`affekt.models.face_embedding.network.MobileNet`.

    The converter has multiplied batch normalisation into the convolutions; of the depthwise ones it is still beside.

    Raises:
        DataError: ``wrong_layout``: a layer is missing.
    """
    try:
        named = {
            "first.weight": state["conv1/convolution/merged_input"].permute(3, 2, 0, 1),
            "first.bias": state["conv1_bn/batchnorm_1/sub"],
        }
        for number in range(1, 14):
            kernel = state[f"conv_dw_{number}/depthwise_kernel"].permute(2, 3, 0, 1)
            named[f"depthwise.{number - 1}.weight"] = kernel * state[_MULTIPLIERS.format(number)][:, None, None, None]
            named[f"depthwise.{number - 1}.bias"] = state[f"conv_dw_{number}_bn/batchnorm_1/sub"]
            pointwise = state[f"conv_pw_{number}/convolution/merged_input"]
            named[f"pointwise.{number - 1}.weight"] = pointwise.permute(3, 2, 0, 1)
            named[f"pointwise.{number - 1}.bias"] = state[f"conv_pw_{number}_bn/batchnorm_1/sub"]
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"is not the MobileNet of HSE FaceRes as TensorFlow.js has it: {error}", code="wrong_layout", where=where
        ) from error
    return named
