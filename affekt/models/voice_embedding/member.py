"""The trained head on the frozen voice encoder, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affekt.models.classifier import DESCRIPTION, ClassifierMember, read_description
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member
from affekt.models.voice_embedding.directions import Directions
from affekt.models.voice_embedding.network import LAYERS, VoiceEncoder
from affekt.models.voice_embedding.utterances import GATES_FACT, LAYERS_FACT, voice_features


def load_voice_encoder(folder: Path) -> VoiceEncoder:
    """The encoder in a member's folder, with the layers that the model reads."""
    description = read_description(folder / DESCRIPTION)
    layers, gates = int(description.get(LAYERS_FACT, LAYERS)), bool(description.get(GATES_FACT, False))
    return VoiceEncoder.of(load_encoder(folder), layers, gates=gates)


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.voice_embedding.train` wrote; the encoder runs on the CPU."""
    description = read_description(folder / DESCRIPTION)
    directions = Directions.read(folder, description)
    return ClassifierMember.load(folder, voice_features(load_voice_encoder(folder).hear, description, directions))
