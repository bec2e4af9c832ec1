"""The trained Bi-LSTM: a score vector of a clip from the fc6 activations that its VGG offers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affekt.media.prepared import PreparedClip
from affekt.models.answering import mean_vector, ready
from affekt.models.bilstm.network import BiLSTM
from affekt.models.hardware import Hardware
from affekt.models.member import HardwareChoice, Member, Scored
from affekt.models.model_folder import load_model
from affekt.models.vgg.member import vgg_read_by


class BilstmMember:
    """fc6 activations in time to a score vector, by a Bi-LSTM that is trained and done.

    Args:
        network: is copied.
        labels: what its outputs mean.
        time_steps: in how many steps it reads a clip.
    """

    name = "bilstm"

    def __init__(self, network: BiLSTM, hardware: Hardware, *, labels: tuple[str, ...], time_steps: int) -> None:
        self.network = ready(network, hardware)
        self.hardware = hardware
        self.labels = labels
        self.time_steps = time_steps

    @torch.inference_mode()
    def score(self, clip: PreparedClip, needed: Mapping[str, Any]) -> Scored:
        """The clip's score vector from its ``[V, T, F]`` fc6 activations, the views averaged; none without a face."""
        sequence = needed["vgg"].get(self.time_steps)
        if sequence is None:
            return Scored(None)
        with self.hardware.autocast():
            logits = self.network(torch.from_numpy(np.ascontiguousarray(sequence)).to(self.hardware.device))
        return Scored(mean_vector(logits.double().softmax(1).cpu().numpy()))


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> BilstmMember:
    """Read the folder that :func:`affekt.training.sequences.train_bilstm` wrote.

    Raises:
        DataError: ``mismatch``: it was trained on another VGG.
    """
    stored = load_model(folder, "bilstm", BiLSTM)
    steps = int(stored.settings["time_steps"])
    vgg_read_by("bilstm", needs, stored, folder).read_in(steps)
    return BilstmMember(stored.network, hardware.made(), labels=stored.labels, time_steps=steps)
