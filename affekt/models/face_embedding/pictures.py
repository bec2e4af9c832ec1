"""A clip's faces as an encoder of faces reads them, whatever computes it: pictures of one side, their statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np

from affekt.errors import DataError
from affekt.media.even_frames import even_frames
from affekt.media.prepared import PreparedClip
from affekt.models.answering import faces_of
from affekt.models.classifier import Features

#: Side of the picture that it reads, pixels.
SIDE = 224
#: What the description of a head says of the pictures that it reads.
WIDE, CROPS = "wide", "face crops"
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


def face_features(look: Callable[[np.ndarray], np.ndarray], frames_per_clip: int, *, wide: bool) -> Features:
    """What an encoder makes of so many evenly spaced face frames of a clip, float64 ``[2 F]``; None without a face.

    Args:
        look: as for :func:`statistics_of`.
        frames_per_clip: how many.
        wide: whether it sees faces with a margin around them, or the face crops that other networks see.
    """

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        if not len(clip.face_frames):
            return None
        if not wide:
            return statistics_of(faces_of(clip, np.unique(even_frames(clip.face_frames, frames_per_clip))), look)
        if clip.wide is None:
            raise DataError(
                "was prepared without the wider face pictures that the face encoder reads; prepare it with the media "
                "settings of the training",
                code="wrong_features",
            )
        numbers = np.unique(even_frames(np.arange(len(clip.wide.frames)), frames_per_clip))
        return statistics_of(np.asarray(clip.wide.pictures[numbers]), look)

    return statistics


def reads_wide(description: Mapping[str, Any]) -> bool:
    """Whether a trained head reads wider pictures, by its description; those that say nothing read face crops."""
    return description.get("pictures") == WIDE


def _scaled(pictures: np.ndarray) -> np.ndarray:
    return np.stack([cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR) for picture in pictures])
