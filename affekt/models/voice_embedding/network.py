"""An encoder of voices: an LSTM trained to tell speakers apart, frozen (Wan et al. 2018, as Resemblyzer has it)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from affekt.media.mel import BANDS

#: Units of each layer, and layers.
UNITS, LAYERS = 256, 3
#: Frames of a partial utterance, 1.6 s, which is what the encoder was trained on, and from one to the next, 0.2 s.
PARTIAL, STEP = 160, 20
_PARTS_AT_ONCE = 256


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

    @torch.inference_mode()
    def statistics(self, mel: np.ndarray) -> np.ndarray:
        """Mean and deviation of the last layer's state over partial utterances, float64 ``[512]``.

        A shorter utterance is a single one, followed by silence.

        Args:
            mel: float32 ``[B, 40]``, at least one row.
        """
        padded = np.pad(mel, ((0, max(0, PARTIAL - len(mel))), (0, 0)))
        parts = np.stack([padded[first : first + PARTIAL] for first in range(0, len(padded) - PARTIAL + 1, STEP)])
        states = []
        for first in range(0, len(parts), _PARTS_AT_ONCE):
            _, (hidden, _) = self.lstm(torch.from_numpy(parts[first : first + _PARTS_AT_ONCE]))
            states.append(hidden[-1].double().numpy())
        values = np.concatenate(states)
        return np.concatenate([values.mean(axis=0), values.std(axis=0)])
