"""The trained head on the frozen encoder of speech, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affekt.models.classifier import ClassifierMember
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member
from affekt.models.speech_embedding.frames import speech_features
from affekt.models.speech_embedding.network import SpeechEncoder


def load_speech_encoder(folder: Path) -> SpeechEncoder:
    """The encoder in a member's folder."""
    return SpeechEncoder.of(load_encoder(folder))


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.speech_embedding.train` wrote; the encoder runs on the CPU."""
    return ClassifierMember.load(folder, speech_features(load_speech_encoder(folder).hear))
