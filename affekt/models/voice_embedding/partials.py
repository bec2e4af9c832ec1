"""A clip's sound as an encoder of voices reads it, whatever computes it: partial utterances, and their statistics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import Features

#: Frames of a partial utterance, 1.6 s, which is what the encoder was trained on, and from one to the next, 0.2 s.
PARTIAL, STEP = 160, 20
_PARTS_AT_ONCE = 256


def statistics_of(mel: np.ndarray, hear: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean and deviation of what is heard in partial utterances, float64 ``[512]``.

    A shorter utterance is a single one, followed by silence.

    Args:
        mel: float32 ``[B, 40]``, at least one row.
        hear: the encoder's last state float32 ``[N, 256]`` of partial utterances float32 ``[N, 160, 40]``.
    """
    padded = np.pad(mel, ((0, max(0, PARTIAL - len(mel))), (0, 0)))
    parts = np.stack([padded[first : first + PARTIAL] for first in range(0, len(padded) - PARTIAL + 1, STEP)])
    values = np.concatenate(
        [
            hear(parts[first : first + _PARTS_AT_ONCE]).astype(np.float64)
            for first in range(0, len(parts), _PARTS_AT_ONCE)
        ]
    )
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def voice_features(hear: Callable[[np.ndarray], np.ndarray]) -> Features:
    """What an encoder makes of a clip: float64 ``[512]``, or None without usable sound."""

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        return statistics_of(clip.mel, hear) if clip.voice and len(clip.mel) else None

    return statistics
