"""A clip's sound as an encoder of speech reads it, whatever computes it, and statistics of its frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.media.sound_code import RATE
from affekt.models.classifier import Features
from affekt.models.few_lengths import lengthened

#: Samples that are heard at once at most, ten seconds, so that attention takes bounded room; and at least.
AT_ONCE, LEAST = 10 * RATE, RATE // 4

#: Width and step of the encoder's convolutions, the first one's in samples.
CONVOLUTIONS = ((127, 64), (7, 3), (3, 2))

#: An encoder's blocks: float32 ``[N, T, F]`` at each frame of sound float32 ``[N, n]``.
Hear = Callable[[np.ndarray], np.ndarray]


def windows_in(length: Any, width: int, step: int) -> Any:
    """Windows of a width that fit into a length, a step from each to the next; numbers, or tensors of them."""
    return (length - width) // step + 1


def frames_in(samples: Any) -> Any:
    """Frames that the encoder makes of so many samples, at least 895; likewise."""
    for convolution in CONVOLUTIONS:
        samples = windows_in(samples, *convolution)
    return samples


def of_few_lengths(hear: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Hear:
    """An encoder that is given silence behind sound, so that it meets few lengths, and told how much is sound.

    Args:
        hear: is given float32 ``[N, n]`` and int64 ``[1]``, and may answer more frames than there are of that sound.
    """

    def heard(sound: np.ndarray) -> np.ndarray:
        count = sound.shape[1]
        return hear(lengthened(sound, RATE // 2), np.array([count]))[:, : frames_in(count)]

    return heard


def statistics_of(samples: np.ndarray, hear: Hear) -> np.ndarray:
    """Mean and deviation of what is heard over all frames, float64 ``[2 F]``.

    Longer sound is heard in equal parts of at most ten seconds, less than a quarter of a second is followed by silence.

    Args:
        samples: int16 ``[n]`` at 16 kHz, at least one.
        hear: the encoder.
    """
    sound = np.pad(samples, (0, max(0, LEAST - len(samples)))).astype(np.float32) / 32768
    parts = np.array_split(sound, math.ceil(len(sound) / AT_ONCE))
    frames = np.concatenate([hear(part[np.newaxis])[0] for part in parts]).astype(np.float64)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


def speech_features(hear: Hear, change: Callable[[np.ndarray], np.ndarray] = lambda samples: samples) -> Features:
    """What an encoder makes of a clip, float64 ``[2 F]``; None without usable sound.

    ``change`` is made to the samples first.
    """

    def features(clip: PreparedClip) -> np.ndarray | None:
        if not clip.voice or not len(clip.sound.samples):
            return None
        return statistics_of(change(clip.sound.samples), hear)

    return features
