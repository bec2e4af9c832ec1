"""An encoder of voices: an LSTM trained to tell speakers apart, frozen (Wan et al. 2018, as Resemblyzer has it)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.media.mel import BANDS

#: Units of each layer, and layers.
UNITS, LAYERS = 256, 3


class VoiceEncoder(nn.Module):
    """A mel spectrogram to what the encoder makes of its voice.

    Args:
        layers: so many, from the first on; at least two with ``gates``.
        gates: whether the last one's output gates are told beside its outputs.
    """

    def __init__(self, layers: int = LAYERS, *, gates: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, UNITS, layers - gates, batch_first=True)
        #: The last layer, where its gates are told.
        self.last = nn.LSTM(UNITS, UNITS, batch_first=True) if gates else None
        self.requires_grad_(False).eval()

    @classmethod
    def of(cls, state: Mapping[str, Tensor], layers: int = LAYERS, *, gates: bool = False) -> VoiceEncoder:
        """The encoder with these weights, those of the first layers of ``lstm`` among them; others are ignored.

        With ``gates`` the last of these layers may be named ``last`` instead, as the encoder's own state has it.

        Raises:
            RuntimeError: a layer is missing or of another shape.
        """
        encoder = cls(layers, gates=gates)
        own = encoder.state_dict()
        end = f"_l{layers - 1}"
        named = {f"last.{name[5 : -len(end)]}_l0": name for name in state if gates and name.endswith(end)}
        found = {name: state[named.get(name, name)] for name in own if named.get(name, name) in state}
        encoder.load_state_dict(found)
        return encoder

    def forward(self, utterances: Tensor) -> Tensor:
        """The last layer's output ``[N, T, 256]`` at each frame of utterances ``[N, T, 40]``, or ``[N, T, 512]``.

        Output gates (Hochreiter and Schmidhuber, "Long short-term memory", 1997) are between 0 and 1.
        """
        outputs: Tensor = self.lstm(utterances)[0]
        if self.last is None:
            return outputs
        told: Tensor = self.last(outputs)[0]
        before = torch.cat([torch.zeros_like(told[:, :1]), told[:, :-1]], dim=1)
        # PyTorch has the gates of input, forgetting, cell and output below each other.
        own = {name: value[3 * UNITS :] for name, value in self.last.named_parameters()}
        asked = functional.linear(outputs, own["weight_ih_l0"], own["bias_ih_l0"])
        kept = functional.linear(before, own["weight_hh_l0"], own["bias_hh_l0"])
        return torch.cat([told, torch.sigmoid(asked + kept)], dim=2)

    @torch.inference_mode()
    def hear(self, utterances: np.ndarray) -> np.ndarray:
        """The same of arrays."""
        heard: np.ndarray = self(torch.from_numpy(utterances)).numpy()
        return heard
