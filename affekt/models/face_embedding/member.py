"""The trained head on the frozen face encoder, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affekt.models.classifier import DESCRIPTION, ClassifierMember, read_description
from affekt.models.face_embedding.network import MobileNet
from affekt.models.face_embedding.pictures import face_features, reads_wide
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.face_embedding.train` wrote; the encoder runs on the CPU."""
    description = read_description(folder / DESCRIPTION)
    first, second, third = description["preprocessing"]["mean"]
    encoder = MobileNet.of(load_encoder(folder), description["preprocessing"]["order"], (first, second, third))
    frames = description["settings"]["frames_per_clip"]
    return ClassifierMember.load(folder, face_features(encoder.look, frames, wide=reads_wide(description)))
