"""A clip's sound as an encoder of voices reads it, whatever computes it: an utterance, and statistics of its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import Features
from affekt.models.few_lengths import lengthened
from affekt.models.voice_embedding.directions import Directions

#: Layers of the encoder that are read: the second one's output says more of how something is said than the last one's,
#: which is left with who says it (docs/decisions.md).
READ_LAYERS = 2
#: What a model's description calls them.
LAYERS_FACT = "layers"
#: And whether that layer's output gates are read beside its outputs.
GATES_FACT = "gates"
#: Frames of a partial utterance, 1.6 s, which is what the encoder was trained on, and from one to the next, 0.2 s.
PARTIAL, STEP = 160, 20
_PARTS_AT_ONCE = 256
#: Frames, half a second.
_STEP_OF_LENGTHS = 50

#: An encoder's last layer that is read: float32 ``[N, T, F]`` at each frame of utterances float32 ``[N, T, 40]``.
Hear = Callable[[np.ndarray], np.ndarray]


def frames_of(mel: np.ndarray, hear: Hear) -> np.ndarray:
    """What is heard at each frame of an utterance ``[B, 40]``, float32 ``[T, F]``.

    An utterance of less than 1.6 seconds is followed by silence.
    """
    heard: np.ndarray = hear(_padded(mel)[np.newaxis])[0]
    return heard


def statistics_of(mel: np.ndarray, hear: Hear, directions: Directions | None = None) -> np.ndarray:
    """Mean and deviation of what is heard over all frames of an utterance, float64 ``[2 F]``.

    With directions their covariances along these follow (:mod:`affekt.models.voice_embedding.directions`).

    Args:
        mel: float32 ``[B, 40]``, at least one row.
        hear: the encoder.
        directions: along which frames vary.
    """
    values = frames_of(mel, hear).astype(np.float64)
    together = [] if directions is None else [directions.covariances_of(values)]
    return np.concatenate([values.mean(axis=0), values.std(axis=0), *together])


def partial_statistics_of(mel: np.ndarray, hear: Hear) -> np.ndarray:
    """Mean and deviation of the state after each partial utterance, float64 ``[512]``.

    What models read that were stored without :data:`LAYERS_FACT`; arguments as of :func:`statistics_of`.
    """
    padded = _padded(mel)
    parts = np.stack([padded[first : first + PARTIAL] for first in range(0, len(padded) - PARTIAL + 1, STEP)])
    values = np.concatenate(
        [
            hear(parts[first : first + _PARTS_AT_ONCE]).astype(np.float64)
            for first in range(0, len(parts), _PARTS_AT_ONCE)
        ]
    )
    # A graph that was stored by then gives the last state alone.
    values = values[:, -1] if values.ndim == 3 else values
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def voice_features(
    hear: Hear,
    description: Mapping[str, Any],
    directions: Directions | None = None,
    change: Callable[[np.ndarray], np.ndarray] = lambda mel: mel,
) -> Features:
    """What an encoder makes of a clip, as a model's description has it read: float64, 2 F numbers and covariances.

    None without usable sound. ``change`` is made to the mel spectrogram first.
    """
    whole = partial(statistics_of, directions=directions)
    statistics = whole if LAYERS_FACT in description else partial_statistics_of

    def features(clip: PreparedClip) -> np.ndarray | None:
        return statistics(change(clip.mel), hear) if clip.voice and len(clip.mel) else None

    return features


def of_few_lengths(hear: Hear) -> Hear:
    """An encoder that is given silence behind utterances, so that it meets few lengths: it hears nothing in advance."""

    def heard(utterances: np.ndarray) -> np.ndarray:
        return hear(lengthened(utterances, _STEP_OF_LENGTHS))[:, : utterances.shape[1]]

    return heard


def _padded(mel: np.ndarray) -> np.ndarray:
    return np.pad(mel, ((0, max(0, PARTIAL - len(mel))), (0, 0)))
