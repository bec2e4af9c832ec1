"""An encoder of voices: an LSTM trained to tell speakers apart, frozen (Wan et al. 2018, as Resemblyzer has it)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from affekt.media.mel import BANDS

#: Units of each layer, and layers.
UNITS, LAYERS = 256, 3


class VoiceEncoder(nn.Module):
    """A mel spectrogram to what the encoder makes of its voice.

    Args:
        layers: so many, from the first on.
    """

    def __init__(self, layers: int = LAYERS) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, UNITS, layers, batch_first=True)
        self.requires_grad_(False).eval()

    @classmethod
    def of(cls, state: Mapping[str, Tensor], layers: int = LAYERS) -> VoiceEncoder:
        """The encoder with these weights, those of the first layers of ``lstm`` among them; others are ignored.

        Raises:
            RuntimeError: a layer is missing or of another shape.
        """
        encoder = cls(layers)
        own = encoder.state_dict()
        encoder.load_state_dict({name: value for name, value in state.items() if name in own})
        return encoder

    def forward(self, utterances: Tensor) -> Tensor:
        """The last layer's output ``[N, T, 256]`` at each frame of utterances ``[N, T, 40]``."""
        outputs: Tensor = self.lstm(utterances)[0]
        return outputs

    @torch.inference_mode()
    def hear(self, utterances: np.ndarray) -> np.ndarray:
        """The same of arrays."""
        heard: np.ndarray = self(torch.from_numpy(utterances)).numpy()
        return heard
