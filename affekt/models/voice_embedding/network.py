"""An encoder of voices: an LSTM trained to tell speakers apart, frozen (Wan et al. 2018, as Resemblyzer has it)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from affekt.media.mel import BANDS
from affekt.models.voice_embedding.partials import statistics_of

#: Units of each layer, and layers.
UNITS, LAYERS = 256, 3


class VoiceEncoder(nn.Module):
    """A mel spectrogram to what the encoder makes of its voice."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, UNITS, LAYERS, batch_first=True)
        self.requires_grad_(False).eval()

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> VoiceEncoder:
        """The encoder with these weights, those of ``lstm`` among them; others are ignored.

        Raises:
            RuntimeError: a layer is missing or of another shape.
        """
        encoder = cls()
        encoder.load_state_dict({name: value for name, value in state.items() if name.startswith("lstm.")})
        return encoder

    def forward(self, parts: Tensor) -> Tensor:
        """The last layer's state ``[N, 256]`` after partial utterances ``[N, 160, 40]``."""
        _, (hidden, _) = self.lstm(parts)
        last: Tensor = hidden[-1]
        return last

    @torch.inference_mode()
    def hear(self, parts: np.ndarray) -> np.ndarray:
        """The same of arrays."""
        heard: np.ndarray = self(torch.from_numpy(parts)).numpy()
        return heard

    def statistics(self, mel: np.ndarray) -> np.ndarray:
        """Mean and deviation of :meth:`hear` over the parts of a spectrogram float32 ``[B, 40]``, float64 ``[512]``."""
        return statistics_of(mel, self.hear)
