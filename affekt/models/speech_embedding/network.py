"""A frozen encoder of speech, trained to write down what is said (Jeffries et al. 2024, "Moonshine", its tiny size)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

#: Numbers of a frame, heads of an attention, and the share of a head that a frame's place in time turns.
WIDTH, HEADS, TURNED = 288, 8, 0.9
#: Blocks that are read: the further ones are left with the words (docs/decisions.md).
BLOCKS = 4


class _Block(nn.Module):
    """Attention over all frames, then each frame by itself, either added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.norm = nn.LayerNorm(width, bias=False)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, frames: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Frames ``[N, T, F]`` to such; the turns of each frame's place ``[T, R]``."""
        read = self.attention_norm(frames)
        query, key, value = (
            part(read).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        query, key = (_turned(part, cosine, sine) for part in (query, key))
        seen = functional.scaled_dot_product_attention(query, key, value)
        frames = frames + self.out(seen.transpose(1, 2).flatten(2))
        told: Tensor = frames + self.narrow(functional.gelu(self.wide(self.norm(frames))))
        return told


def _turned(parts: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Neighbouring numbers turned as points of a plane (Su et al. 2021, "RoFormer"), the last few left as they are."""
    turned, left = parts.split([cosine.shape[-1], parts.shape[-1] - cosine.shape[-1]], dim=-1)
    across = torch.stack((-turned[..., 1::2], turned[..., 0::2]), dim=-1).flatten(-2)
    return torch.cat((turned * cosine + across * sine, left), dim=-1)


class SpeechEncoder(nn.Module):
    """Sound at 16 kHz to what the encoder's first blocks make of each frame, some 42 a second.

    Args:
        width: numbers of a frame, F; a multiple of 8.
    """

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.first = nn.Conv1d(1, width, 127, stride=64, bias=False)
        self.level = nn.GroupNorm(1, width)
        self.second = nn.Conv1d(width, 2 * width, 7, stride=3)
        self.third = nn.Conv1d(2 * width, width, 3, stride=2)
        self.blocks = nn.ModuleList(_Block(width) for _ in range(BLOCKS))
        turned = 2 * int(TURNED * width // HEADS // 2)
        pace = 10_000 ** (torch.arange(0, turned, 2) / -turned)
        self.register_buffer("pace", pace.repeat_interleave(2), persistent=False)
        self.requires_grad_(False).eval()

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> SpeechEncoder:
        """The encoder with these weights; those of further blocks are ignored.

        Raises:
            RuntimeError: a layer is missing or of another shape.
        """
        first = state.get("first.weight")
        encoder = cls(WIDTH if first is None or not len(first) or len(first) % HEADS else len(first))
        encoder.load_state_dict({name: state[name] for name in encoder.state_dict() if name in state})
        return encoder

    def forward(self, sound: Tensor) -> Tensor:
        """Every block's output, side by side, ``[N, T, 4 F]``, of sound ``[N, n]`` in [-1, 1)."""
        waves = self.level(torch.tanh(self.first(sound.unsqueeze(1))))
        waves = functional.gelu(self.third(functional.gelu(self.second(waves))))
        frames = waves.transpose(1, 2)
        angles = torch.arange(frames.shape[1]).unsqueeze(1) * self.get_buffer("pace")
        cosine, sine = angles.cos(), angles.sin()
        told = []
        for block in self.blocks:
            frames = block(frames, cosine, sine)
            told.append(frames)
        return torch.cat(told, dim=2)

    @torch.inference_mode()
    def hear(self, sound: np.ndarray) -> np.ndarray:
        """The same of arrays."""
        heard: np.ndarray = self(torch.from_numpy(sound)).numpy()
        return heard
