"""The trained head on the frozen face encoder, which answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.models.answering import faces_of
from affekt.models.classifier import DESCRIPTION, ClassifierMember, Features, read_description
from affekt.models.face_embedding.network import MobileNet
from affekt.models.frames import even_frames
from affekt.models.frozen import load_encoder
from affekt.models.member import HardwareChoice, Member


def face_statistics(encoder: MobileNet, frames_per_clip: int) -> Features:
    """What an encoder makes of so many evenly spaced face frames of a clip: float64 ``[F]``, or None without a face."""

    def statistics(clip: PreparedClip) -> np.ndarray | None:
        if not len(clip.face_frames):
            return None
        return encoder.statistics(faces_of(clip, np.unique(even_frames(clip.face_frames, frames_per_clip))))

    return statistics


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read the folder that :func:`affekt.training.face_embedding.train` wrote; the encoder runs on the CPU."""
    description = read_description(folder / DESCRIPTION)
    first, second, third = description["preprocessing"]["mean"]
    encoder = MobileNet.of(load_encoder(folder), description["preprocessing"]["order"], (first, second, third))
    return ClassifierMember.load(folder, face_statistics(encoder, description["settings"]["frames_per_clip"]))
