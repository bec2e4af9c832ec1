"""What the head on the frozen base of the VGG sees of a clip: statistics of fc6 activations."""

from __future__ import annotations

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import Features
from affekt.models.vgg.reading import VggReading


def fc6_statistics(base: VggReading, frames_per_clip: int) -> Features:
    """fc6 of so many evenly spaced face frames of a clip and their mirror images: float64 ``[2 F]``, or None.

    Mean over frames and views, then the deviation of the frames; None without a face.
    """

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        sequence = base.sequence(clip, frames_per_clip, mirrored=True)
        if sequence is None:
            return None
        frames = sequence.astype(float).mean(axis=0)
        return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])

    return statistics
