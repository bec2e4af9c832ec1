"""Fits the linear head on the frozen face encoder."""

from __future__ import annotations

from typing import Any

from affekt.errors import DataError
from affekt.models.face_embedding.network import MobileNet
from affekt.models.face_embedding.pictures import CROPS, WIDE, face_features
from affekt.pretrained.collection import is_here
from affekt.pretrained.opening import open_start
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given


def absent(group: Any) -> str:
    """Why the encoder that the model's settings name cannot be had here, in a sentence; ``""`` where it can."""
    try:
        is_here(group.pretrained)
    except DataError as error:
        return str(error)
    return ""


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the encoder's weights are kept beside it.

    Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: the encoder is not here, or is another network's weights.
    """
    start = open_start(given.group.pretrained, "mobilenet")
    encoder = MobileNet.of(start.state, start.convention.order, start.convention.mean)
    wide = bool(given.settings.media.wide_size)
    features = face_features(encoder.look, given.group.frames_per_clip, wide=wide)
    facts = {"preprocessing": start.convention.to_dict(), "pictures": WIDE if wide else CROPS}
    return train_head(given, encoder, features, facts)
