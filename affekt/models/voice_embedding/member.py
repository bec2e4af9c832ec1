"""The trained head on the frozen voice encoder, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.classifier import ClassifierMember, Features
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member
from affekt.models.voice_embedding.network import VoiceEncoder


def voice_statistics(encoder: VoiceEncoder) -> Features:
    """What an encoder makes of a clip: float64 ``[512]``, or None without usable sound."""

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        return encoder.statistics(clip.mel) if clip.voice and len(clip.mel) else None

    return statistics


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.voice_embedding.train` wrote; the encoder runs on the CPU."""
    return ClassifierMember.load(folder, voice_statistics(VoiceEncoder.of(load_encoder(folder))))
