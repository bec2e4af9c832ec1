"""The layers of a published network: their names, and whether the shapes in a file fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from affekt.counted import counted
from affekt.errors import DataError

#: The convolutions in order; three inner products follow.
CONVOLUTIONS = {
    "vgg": (
        "conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv4_1", "conv4_2", "conv4_3",
        "conv5_1", "conv5_2", "conv5_3",
    ),
    "c3d": ("conv1", "conv2", "conv3a", "conv3b", "conv4a", "conv4b", "conv5a", "conv5b"),
}  # fmt: skip
INNER_PRODUCTS = ("fc6", "fc7", "fc8")
KERNEL = {"vgg": (3, 3), "c3d": (3, 3, 3)}
_FIRST_CHANNELS = 64  # of either published network

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Size:
    """What the shapes of a checkpoint tell: its classes, and its channels as a share of the published ones."""

    classes: int
    width: float


def layers_of(network: str) -> tuple[str, ...]:
    """The names of all layers with weights, from the input to the output."""
    return CONVOLUTIONS[network] + INNER_PRODUCTS


def check_shapes(network: str, shapes: Mapping[str, Shape], *, where: str) -> Size:
    """Check that these are the layers of one such network, each fitting to the one before.

    Any width will do, so that narrower networks of the same layers can be kept too; whether the size is that of the
    network to train is checked when it starts from them.

    Raises:
        DataError: names the layers that are missing, unknown, or of a shape that does not fit.
    """
    if network == "mobilenet":
        return _mobilenet_size(shapes, where)
    names = [f"{layer}.{part}" for layer in layers_of(network) for part in ("weight", "bias")]
    missing = [name for name in names if name not in shapes]
    unknown = [name for name in shapes if name not in names]
    if missing or unknown:
        problems = [
            f"{counted(len(some), 'tensors')} {'is' if len(some) == 1 else 'are'} {what}, first {some[0]}"
            for some, what in ((missing, "missing"), (unknown, "unknown"))
            if some
        ]
        raise DataError(
            f"expected the layers {', '.join(names[:2])} … {names[-1]} of {network}: {'; '.join(problems)}",
            code="wrong_layout",
            where=where,
        )
    into = 3
    for layer in CONVOLUTIONS[network]:
        into = _fits(layer, shapes, (into, *KERNEL[network]), where)
    units = _fits("fc6", shapes, (_square_multiple(shapes["fc6.weight"], into, where),), where)
    units = _fits("fc7", shapes, (units,), where)
    classes = _fits("fc8", shapes, (units,), where)
    return Size(classes, shapes[f"{CONVOLUTIONS[network][0]}.weight"][0] / _FIRST_CHANNELS)


def _mobilenet_size(shapes: Mapping[str, Shape], where: str) -> Size:
    """The size of a MobileNet, which has no classes."""
    from affekt.models.face_embedding.network import CHANNELS, FIRST  # heavy: torch

    width = shapes.get("first.bias", (0,))[0] / FIRST
    into = round(FIRST * width)
    expected: dict[str, Shape] = {"first.weight": (into, 3, 3, 3), "first.bias": (into,)}
    for number, channels in enumerate(CHANNELS):
        out = round(channels * width)
        expected |= {f"depthwise.{number}.weight": (into, 1, 3, 3), f"depthwise.{number}.bias": (into,)}
        expected |= {f"pointwise.{number}.weight": (out, into, 1, 1), f"pointwise.{number}.bias": (out,)}
        into = out
    wrong = [name for name in {**expected, **shapes} if shapes.get(name) != expected.get(name)]
    if wrong or not width:
        raise DataError(
            f"{wrong[0]} is {list(shapes.get(wrong[0], ())) or 'missing'}, expected {list(expected.get(wrong[0], ()))} "
            "of a MobileNet",
            code="wrong_shape",
            where=where,
        )
    return Size(0, width)


def _fits(layer: str, shapes: Mapping[str, Shape], inputs: Shape, where: str) -> int:
    """How many outputs a layer has, if its weights take these inputs and it has a bias for each output."""
    weight, bias = shapes[f"{layer}.weight"], shapes[f"{layer}.bias"]
    if len(weight) != len(inputs) + 1 or weight[1:] != inputs or weight[0] < 1:
        expected = ", ".join(map(str, ("outputs", *inputs)))
        raise DataError(
            f"{layer}.weight is {list(weight)}, expected [{expected}] after the layer before it",
            code="wrong_shape",
            where=where,
        )
    if bias != weight[:1]:
        raise DataError(f"{layer}.bias is {list(bias)}, expected [{weight[0]}]", code="wrong_shape", where=where)
    return weight[0]


def _square_multiple(weight: Shape, channels: int, where: str) -> int:
    """The inputs of fc6, which are the last channels times a square of pixels, whatever the picture's side is."""
    inputs = weight[1] if len(weight) == 2 else 0
    pixels = inputs // channels
    if not inputs or inputs % channels or math.isqrt(pixels) ** 2 != pixels:
        raise DataError(
            f"fc6.weight is {list(weight)}, expected [outputs, {channels} channels times the pixels of a square]",
            code="wrong_shape",
            where=where,
        )
    return inputs
