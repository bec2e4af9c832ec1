"""The trained joint network: a score vector of a clip from the fc6 activations of its VGG and the clip's sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.media.prepared import PreparedClip
from affekt.models.answering import mean_vector, ready
from affekt.models.frames import even_frames
from affekt.models.hardware import Hardware
from affekt.models.joint.acoustic_steps import acoustic_steps
from affekt.models.joint.network import JointBiLSTM
from affekt.models.member import HardwareChoice, Member, Scored
from affekt.models.model_folder import load_model
from affekt.models.vgg.member import vgg_read_by


class JointMember:
    """fc6 activations in time and a clip's sound to a score vector, by a joint network that is trained and done.

    Args:
        network: is copied.
        labels: what its outputs mean.
        time_steps: in how many steps it reads a clip.
    """

    name = "joint"

    def __init__(self, network: JointBiLSTM, hardware: Hardware, *, labels: tuple[str, ...], time_steps: int) -> None:
        self.network = ready(network, hardware)
        self.hardware = hardware
        self.labels = labels
        self.time_steps = time_steps

    @torch.inference_mode()
    def score(self, clip: PreparedClip, needed: Mapping[str, Any]) -> Scored:
        """The clip's score vector from its ``[V, T, F]`` fc6 activations and its sound, the views averaged.

        None without a face or without usable sound.
        """
        sequence = needed["vgg"].get(self.time_steps)
        both = None if sequence is None else with_voice(clip, sequence)
        if both is None:
            return Scored(None)
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(both).to(self.hardware.device))
        return Scored(mean_vector(logits.double().softmax(1).cpu().numpy()))


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> JointMember:
    """Read the folder that :func:`affekt.training.sequences.train_joint` wrote.

    Raises:
        DataError: ``mismatch``: it was trained on another VGG.
    """
    stored = load_model(folder, "joint", JointBiLSTM)
    steps = int(stored.settings["time_steps"])
    vgg_read_by("joint", needs, stored, folder).read_in(steps)
    return JointMember(stored.network, hardware.made(), labels=stored.labels, time_steps=steps)


def with_voice(clip: PreparedClip, sequence: np.ndarray) -> np.ndarray | None:
    """fc6 activations ``[V, T, F]`` of evenly spaced faces, each with what was heard around it: ``[V, T, F + 2 D]``.

    None for a clip without usable sound.
    """
    views, steps = sequence.shape[:2]
    heard = acoustic_steps(clip, even_frames(clip.face_frames, steps))
    if heard is None:
        return None
    return np.concatenate([sequence, np.broadcast_to(heard, (views, *heard.shape))], axis=-1)
