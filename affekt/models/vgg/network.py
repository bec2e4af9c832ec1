"""VGG-16 in the layout of VGG-Face: thirteen convolutions in five groups, then fc6, fc7 and fc8."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from affekt.models.normalisation import normalised_layers

#: Group of convolutions, its published number of channels, and how many convolutions it has.
_GROUPS = ((1, 64, 2), (2, 128, 2), (3, 256, 3), (4, 512, 3), (5, 512, 3))


class VGG16(nn.Module):
    """VGG-16 (Simonyan and Zisserman 2015; VGG-Face: Parkhi et al. 2015; paper.md, section 4.3.2).

    The layers bear the names of the published VGG-Face state dict (``conv1_1`` to ``fc8``), so that without batch
    normalisation that checkpoint fits as it is. At 224 pixels, width 1 and seven classes: 134.3 million parameters,
    15.47 billion multiply-accumulates an image.

    Args:
        width: share of the published numbers of channels and units; fc6 has ``round(4096 * width)`` units.
        input_size: side of the input picture, pixels; every pool halves it, rounding up.
        classes: number of labels.
        batch_norm: whether a batch normalisation follows each convolution, fc6 and fc7 (section 3.2).
        dropout: probability with which a unit of fc6 and of fc7 is left out in training.
        read_layer: ``fc6`` or ``fc7``, whose activations :meth:`fc6_and_logits` returns; both have as many units.
    """

    def __init__(
        self,
        *,
        width: float = 1.0,
        input_size: int = 224,
        classes: int = 7,
        batch_norm: bool = False,
        dropout: float = 0.5,
        read_layer: str = "fc6",
    ) -> None:
        super().__init__()
        self.architecture: dict[str, Any] = {
            "width": width,
            "input_size": input_size,
            "classes": classes,
            "batch_norm": batch_norm,
            "dropout": dropout,
            "read_layer": read_layer,
        }
        self.dropout, self.read_layer = dropout, read_layer
        self._layers: list[tuple[str, ...]] = []
        channels, side = 3, input_size
        for group, published, count in _GROUPS:
            wide = max(1, round(published * width))
            for number in range(1, count + 1):
                name = f"{group}_{number}"
                self.add_module(f"conv{name}", nn.Conv2d(channels, wide, 3, padding=1))
                if batch_norm:
                    self.add_module(f"bn{name}", nn.BatchNorm2d(wide))
                channels = wide
            self._layers.append(tuple(f"{group}_{number}" for number in range(1, count + 1)))
            side = -(-side // 2)
        units = max(1, round(4096 * width))
        self.fc6 = nn.Linear(channels * side * side, units)
        self.fc7 = nn.Linear(units, units)
        if batch_norm:
            self.bnfc6, self.bnfc7 = nn.BatchNorm1d(units), nn.BatchNorm1d(units)
        self.fc8 = nn.Linear(units, classes)

    @property
    def fc6_units(self) -> int:
        """How many activations :meth:`fc6_and_logits` returns for an image."""
        return self.fc6.out_features

    def maps(self, pictures: Tensor, *, after: str = "", until: str = "5_3") -> Tensor:
        """The rectified feature maps of the convolution ``conv<until>``, before the pool that may follow it.

        Args:
            pictures: the input of the network, or the maps of the convolution ``conv<after>`` to go on from.
            after: the convolution that was already applied, if any.
            until: the last convolution to apply.
        """
        waiting = bool(after)
        for names in self._layers:
            for name in names:
                applied = not waiting
                waiting = waiting and name != after
                if applied:
                    pictures = self.normalised(f"conv{name}", pictures)
                if name == until:
                    return F.relu(pictures, inplace=True) if applied else pictures
                if not waiting and name == names[-1]:
                    pictures = halved(pictures)
                if applied:  # the order of pool and rectification changes no value, but there is less to rectify
                    pictures = F.relu(pictures, inplace=True)
        raise ValueError(f"no convolution conv{until}")

    def fc6_and_logits(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The rectified activations ``[N, fc6_units]`` of the layer that is read and the logits ``[N, classes]``.

        Args:
            pictures: float ``[N, 3, input_size, input_size]``, already normalised.
        """
        return self.from_maps(self.maps(pictures))

    def from_maps(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The activations that are read and the logits from the maps of ``conv5_3``."""
        pooled = halved(maps)
        # Flattened channel by channel whatever the memory format, which is the order of the published weights.
        fc6 = self.rectified("fc6", pooled.flatten(1))
        hidden = F.dropout(fc6, self.dropout, self.training)
        fc7 = self.rectified("fc7", hidden)
        hidden = F.dropout(fc7, self.dropout, self.training)
        return fc7 if self.read_layer == "fc7" else fc6, self.fc8(hidden)

    def normalised(self, layer: str, values: Tensor) -> Tensor:
        """A layer with its batch normalisation, where it has one."""
        values = self.get_submodule(layer)(values)
        norm = "bn" + layer.removeprefix("conv")
        return self.get_submodule(norm)(values) if hasattr(self, norm) else values

    def rectified(self, layer: str, values: Tensor) -> Tensor:
        """A layer with its batch normalisation, where it has one, and its rectification."""
        return F.relu(self.normalised(layer, values), inplace=True)

    def forward(self, pictures: Tensor) -> Tensor:
        """The logits ``[N, classes]`` of ``[N, 3, input_size, input_size]`` pictures."""
        return self.fc6_and_logits(pictures)[1]


def halved(maps: Tensor) -> Tensor:
    """Maps of half the side, by the maximum; an odd side is rounded up, which the published 224 never meets."""
    return F.max_pool2d(maps, 2, ceil_mode=True)


def initialise(network: nn.Module) -> None:
    """Draw the weights of every convolution and inner product as He et al. (2015) do; biases are zero.

    With batch normalisation, a layer with as many inputs as outputs starts close to the identity instead: so a network
    of sixteen layers first learns like one of seven. After 200 iterations on 2932 faces (width 0.125) it was right on
    33 % of others, with He's weights alone on 24 %.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    last = network.get_submodule("fc8")
    assert isinstance(last, nn.Linear)
    nn.init.normal_(last.weight, std=0.01)  # small logits: the first losses are those of an undecided network
    for layer, norm in normalised_layers(network):
        if layer.weight.shape[0] == layer.weight.shape[1]:
            with torch.no_grad():
                noise = 0.2 * layer.weight
                nn.init.eye_(layer.weight) if isinstance(layer, nn.Linear) else nn.init.dirac_(layer.weight)
                layer.weight.add_(noise)
            # Mean and deviation of rectified standard normal values: the rectification then cuts nothing off.
            nn.init.constant_(norm.weight, 0.583)
            nn.init.constant_(norm.bias, 0.399)
