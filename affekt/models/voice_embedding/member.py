"""The trained head on the frozen voice encoder, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affekt.models.classifier import ClassifierMember
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.partials import voice_features


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.voice_embedding.train` wrote; the encoder runs on the CPU."""
    return ClassifierMember.load(folder, voice_features(VoiceEncoder.of(load_encoder(folder)).hear))
