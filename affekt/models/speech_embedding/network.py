"""A frozen encoder of speech, trained to write down what is said (Jeffries et al. 2024, "Moonshine", its tiny size)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from affekt.models.speech_embedding.frames import CONVOLUTIONS, frames_in, windows_in

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

    def forward(self, frames: Tensor, cosine: Tensor, sine: Tensor, told: Tensor) -> Tensor:
        """Frames ``[N, T, F]`` to such; the turns of each frame's place ``[T, R]``, and which are ``told``."""
        read = self.attention_norm(frames)
        query, key, value = (
            part(read).unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        query, key = (_turned(part, cosine, sine) for part in (query, key))
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=told[None, None, None])
        frames = frames + self.out(seen.transpose(1, 2).flatten(2))
        further: Tensor = frames + self.narrow(functional.gelu(self.wide(self.norm(frames))))
        return further


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
        first, second, third = CONVOLUTIONS
        self.first = nn.Conv1d(1, width, *first, bias=False)
        self.level = nn.GroupNorm(1, width)
        self.second = nn.Conv1d(width, 2 * width, *second)
        self.third = nn.Conv1d(2 * width, width, *third)
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

    def forward(self, sound: Tensor, samples: Tensor) -> Tensor:
        """Every block's output, side by side, ``[N, T, 4 F]``, of sound ``[N, n]`` in [-1, 1).

        Of that the first ``samples``, int64 ``[1]``, are heard; whatever follows changes none of the frames that they
        make (:func:`frames_in`), and the frames behind these say nothing.
        """
        waves = torch.tanh(self._first(sound))
        there = windows_in(samples, *CONVOLUTIONS[0])
        waves = self._levelled(waves, (torch.arange(waves.shape[2]) < there).to(waves.dtype), there)
        waves = functional.gelu(self.third(functional.gelu(self.second(waves))))
        frames = waves.transpose(1, 2)
        places = torch.arange(frames.shape[1])
        angles = places.unsqueeze(1) * self.get_buffer("pace")
        cosine, sine, told = angles.cos(), angles.sin(), places < frames_in(samples)
        outputs = []
        for block in self.blocks:
            frames = block(frames, cosine, sine, told)
            outputs.append(frames)
        return torch.cat(outputs, dim=2)

    def _first(self, sound: Tensor) -> Tensor:
        """The first convolution as one product of matrices, ``[N, F, T]``.

        Each of its windows is two halves of 64 samples, but one. The engine that serves wrote 5 MiB of code for each
        length of sound when it was a convolution, and took 100 ms for it.
        """
        width, step = CONVOLUTIONS[0]
        missing = 2 * step - width
        sound = functional.pad(sound, (0, missing))
        halves = sound[:, : sound.shape[1] // step * step].unflatten(1, (-1, step))
        windows = torch.cat([halves[:, :-1], halves[:, 1:]], dim=2)
        return functional.linear(windows, functional.pad(self.first.weight[:, 0], (0, missing))).transpose(1, 2)

    def _levelled(self, waves: Tensor, heard: Tensor, count: Tensor) -> Tensor:
        """The normalisation of a whole sound ``[N, F, T]`` by those of its waves that are ``heard``, 1 or 0 ``[T]``."""
        numbers = count * waves.shape[1]
        centred = waves - (waves * heard).sum((1, 2), keepdim=True) / numbers
        variance = (centred * heard).square().sum((1, 2), keepdim=True) / numbers
        own = self.level.weight.unsqueeze(1), self.level.bias.unsqueeze(1)
        return centred / torch.sqrt(variance + self.level.eps) * own[0] + own[1]

    @torch.inference_mode()
    def hear(self, sound: np.ndarray) -> np.ndarray:
        """The same of arrays, all of whose samples are heard."""
        heard: np.ndarray = self(torch.from_numpy(sound), torch.tensor([sound.shape[1]])).numpy()
        return heard
