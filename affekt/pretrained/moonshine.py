"""The speech encoder of the package moonshine-voice: its weights, read from the package, which is not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from affekt.models.speech_embedding.network import SpeechEncoder
from affekt.pretrained.package_file import PackageFile
from affekt.pretrained.reading import read_state

if TYPE_CHECKING:
    from affekt.pretrained.onnxruntime_format import OrtGraph

#: The name under which settings know it, and where its weights are.
NAME = "moonshine"
FILE = PackageFile(
    NAME, "speech encoder", "moonshine-voice", "0.0.4", "moonshine_voice/assets/tiny-en/encoder_model.ort",
    "e091ae52fc2a912197af8f7b7ae2e8365b656ff58463313e0660cce59d9e81d3",
)  # fmt: skip
LICENCE = "Moonshine tiny, English (moonshine-voice 0.0.4), MIT, Moonshine AI; trained on some 200,000 hours of speech"
#: What the layers are called there and here, those of a block behind its number.
_CONVOLUTIONS = {"conv1": "first", "conv2": "second", "conv3": "third"}
_LINEAR = {
    "self_attn/q_proj/MatMul": "query", "self_attn/k_proj/MatMul": "key", "self_attn/v_proj/MatMul": "value",
    "self_attn/o_proj/MatMul": "out", "mlp/fc1/Add": "wide", "mlp/fc2/Add": "narrow",
}  # fmt: skip
_OTHER = {
    "input_layernorm.weight": "attention_norm.weight", "post_attention_layernorm.weight": "norm.weight",
    "mlp.fc1.bias": "wide.bias", "mlp.fc2.bias": "narrow.bias",
}  # fmt: skip


def absent(group: Any) -> str:
    """Why the encoder that the model's settings name cannot be had here, in a sentence; ``""`` where it can."""
    return FILE.absent(group.pretrained)


def open_speech_encoder(pretrained: str) -> dict[str, Tensor]:
    """The weights of the encoder's layers.

    Args:
        pretrained: ``moonshine``, or a file with a state dict of :class:`SpeechEncoder`.

    Raises:
        DataError: ``missing``: it is not here; ``damaged``: it is another file than the package's version has;
            ``wrong_layout``: it holds other layers.
    """
    path = FILE.path(pretrained)
    if pretrained != NAME:
        return FILE.layers(SpeechEncoder, read_state(path), path)
    FILE.check(path)
    from affekt.pretrained.onnxruntime_format import OrtGraph  # flatbuffers, which trainings alone have

    return FILE.layers(SpeechEncoder, _state_of(OrtGraph.read(path)), path)


def _state_of(graph: OrtGraph) -> dict[str, Tensor]:
    """The layers by the names that :class:`SpeechEncoder` has for them."""
    arrays = {
        f"{own}.{part}": graph.arrays[name]
        for theirs, own in _CONVOLUTIONS.items()
        for part, name in (("weight", f"{theirs}.weight"), ("bias", f"{theirs}.bias"))
        if name in graph.arrays
    }
    for operation, inputs, output in graph.nodes:
        if output in ("/groupnorm/Mul_output_0", "/groupnorm/Add_output_0"):
            part = "weight" if operation == "Mul" else "bias"
            arrays[f"level.{part}"] = graph.arrays[inputs[1]].reshape(-1)
        layer, _, name = output.removeprefix("/layers.").partition("/")
        if operation in ("DynamicQuantizeMatMul", "MatMulIntegerToFloat"):
            name = name.removesuffix("_output_0")
            arrays[f"blocks.{layer}.{_LINEAR[name]}.weight"] = _dequantised(graph, inputs[1]).T
    for name, array in graph.arrays.items():
        layer, _, part = name.removeprefix("layers.").partition(".")
        if name.startswith("layers.") and part in _OTHER:
            arrays[f"blocks.{layer}.{_OTHER[part]}"] = array
    return {name: torch.from_numpy(np.array(array, dtype=np.float32, order="C")) for name, array in arrays.items()}


def _dequantised(graph: OrtGraph, quantised: str) -> np.ndarray:
    """The weights float32 of those kept in eight bits, with one scale and one zero point for a matrix."""
    name = quantised.removesuffix("_quantized")
    scale, zero = graph.arrays[f"{name}_scale"], graph.arrays[f"{name}_zero_point"]
    weights: np.ndarray = (graph.arrays[quantised].astype(np.float32) - np.float32(zero)) * scale
    return weights
