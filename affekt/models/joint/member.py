"""The trained joint network: a score vector of a clip from the fc6 activations of its VGG and the clip's sound."""

from __future__ import annotations

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.fc6_reader import Fc6Reader
from affekt.models.joint.acoustic_steps import with_voice
from affekt.models.joint.network import JointBiLSTM


class JointMember(Fc6Reader[JointBiLSTM]):
    """fc6 activations in time and a clip's sound to a score vector; a clip without face or usable sound has none."""

    name = "joint"
    kind = JointBiLSTM

    def sequence(self, clip: PreparedClip, fc6: np.ndarray) -> np.ndarray | None:
        """fc6 activations, each with what was heard around it; None for a clip without usable sound."""
        return with_voice(clip, fc6)


load = JointMember.load
