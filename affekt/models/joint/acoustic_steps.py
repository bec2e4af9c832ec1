"""Acoustic descriptors at the time steps of a clip's face frames: what was heard around the moment of each face."""

from __future__ import annotations

import numpy as np

from affekt.media.even_frames import even_frames
from affekt.media.functionals import HOP
from affekt.media.prepared import PreparedClip


def acoustic_steps(clip: PreparedClip, frames: np.ndarray) -> np.ndarray | None:
    """Mean and deviation of the descriptors around each of T face frames: float32 ``[T, 2 D]``.

    The sound is divided in the middle between each two neighbouring frames; what comes before the first and after the
    last frame is theirs, so that all of it is heard, and no frame hears another moment than its own. A frame that
    occurs several times hears the same each time. Where the descriptors end before a frame, its nearest one counts.

    Args:
        clip: the prepared clip.
        frames: ascending frame numbers.

    Returns:
        None for a clip without usable sound or without descriptors.
    """
    count = len(clip.descriptors)
    if not clip.voice or not count:
        return None
    moments, where = np.unique(clip.times[frames], return_inverse=True)
    ends = np.concatenate([(moments[1:] + moments[:-1]) / 2, [np.inf]])
    # Row r is of the frame that begins at r HOP; its middle decides whose it is.
    owner = np.searchsorted(ends, (np.arange(count) + 0.5) * HOP, side="right")
    steps = np.empty((len(moments), 2 * clip.descriptors.shape[1]), np.float32)
    for step, moment in enumerate(moments):
        rows = clip.descriptors[owner == step]
        if not len(rows):
            rows = clip.descriptors[[min(count - 1, int(moment / HOP))]]
        steps[step] = np.concatenate([rows.mean(0), rows.std(0)])
    return steps[where]


def with_voice(clip: PreparedClip, sequence: np.ndarray) -> np.ndarray | None:
    """fc6 activations ``[V, T, F]`` of evenly spaced faces, each with what was heard around it: ``[V, T, F + 2 D]``.

    None for a clip without usable sound.
    """
    views, steps = sequence.shape[:2]
    heard = acoustic_steps(clip, even_frames(clip.face_frames, steps))
    if heard is None:
        return None
    return np.concatenate([sequence, np.broadcast_to(heard, (views, *heard.shape))], axis=-1)
