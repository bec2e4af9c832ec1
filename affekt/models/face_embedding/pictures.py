"""A clip's faces as an encoder of faces reads them, whatever computes it: pictures of one side, their statistics."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.answering import faces_of
from affekt.models.classifier import Features
from affekt.models.frames import even_frames

#: Side of the picture that it reads, pixels.
SIDE = 224
_AT_ONCE = 8


def statistics_of(pictures: np.ndarray, look: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Mean and deviation over a clip's pictures of what is seen in each, float64 ``[2 F]``.

    Args:
        pictures: uint8 ``[N, S, S, 3]`` RGB, at least one; another side is scaled to 224.
        look: float32 ``[N, F]`` of pictures of that side.
    """
    values = np.concatenate(
        [
            look(_scaled(pictures[first : first + _AT_ONCE])).astype(np.float64)
            for first in range(0, len(pictures), _AT_ONCE)
        ]
    )
    return np.concatenate([values.mean(axis=0), values.std(axis=0)])


def face_features(look: Callable[[np.ndarray], np.ndarray], frames_per_clip: int) -> Features:
    """What an encoder makes of so many evenly spaced face frames of a clip, float64 ``[2 F]``; None without a face."""

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        if not len(clip.face_frames):
            return None
        return statistics_of(faces_of(clip, np.unique(even_frames(clip.face_frames, frames_per_clip))), look)

    return statistics


def _scaled(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for picture in pictures])
