"""A clip's sound as an encoder of speech reads it, whatever computes it, and statistics of its frames."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.media.sound_code import RATE
from affekt.models.classifier import Features

#: Samples that are heard at once at most, ten seconds, so that attention takes bounded room; and at least.
AT_ONCE, LEAST = 10 * RATE, RATE // 4

#: An encoder's blocks: float32 ``[N, T, F]`` at each frame of sound float32 ``[N, n]``.
Hear = Callable[[np.ndarray], np.ndarray]


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
