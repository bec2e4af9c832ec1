"""The trained joint network: a score vector of a clip from the fc6 activations of its VGG and the clip's sound."""

from __future__ import annotations

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.fc6_reader import Fc6Reader
from affekt.models.frames import even_frames
from affekt.models.joint.acoustic_steps import acoustic_steps
from affekt.models.joint.network import JointBiLSTM


class JointMember(Fc6Reader[JointBiLSTM]):
    """fc6 activations in time and a clip's sound to a score vector; a clip without face or usable sound has none."""

    name = "joint"
    kind = JointBiLSTM

    def sequence(self, clip: PreparedClip, fc6: np.ndarray) -> np.ndarray | None:
        """fc6 activations, each with what was heard around it; None for a clip without usable sound."""
        return with_voice(clip, fc6)


load = JointMember.load


def with_voice(clip: PreparedClip, sequence: np.ndarray) -> np.ndarray | None:
    """fc6 activations ``[V, T, F]`` of evenly spaced faces, each with what was heard around it: ``[V, T, F + 2 D]``.

    None for a clip without usable sound.
    """
    views, steps = sequence.shape[:2]
    heard = acoustic_steps(clip, even_frames(clip.face_frames, steps))
    if heard is None:
        return None
    return np.concatenate([sequence, np.broadcast_to(heard, (views, *heard.shape))], axis=-1)
