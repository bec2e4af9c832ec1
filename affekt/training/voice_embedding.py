"""Fits the linear head on the frozen voice encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from affekt.media.prepared import PreparedClip
from affekt.media.vocal_tract import at_frequencies
from affekt.models.classifier import Features
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import LAYERS_FACT, READ_LAYERS, voice_features
from affekt.pretrained.resemblyzer import open_voice_encoder
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the encoder's weights are kept beside it.

    It learns from each clip as it is and as if others with longer and shorter vocal tracts had spoken
    (:mod:`affekt.media.vocal_tract`). Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: ``missing``: the encoder is not here.
    """
    encoder = VoiceEncoder.of(open_voice_encoder(given.group.pretrained), READ_LAYERS)
    facts = {LAYERS_FACT: READ_LAYERS}
    features = voice_features(encoder.hear, facts)
    copies = [_warped(features, factor) for factor in given.group.frequency_factors]
    return train_head(given, encoder, features, facts, copies)


def _warped(features: Features, factor: float) -> Features:
    """The features of a clip whose frequencies are so many times as high."""

    def warped_features(clip: PreparedClip) -> np.ndarray | None:
        return features(replace(clip, mel=at_frequencies(clip.mel, factor)) if len(clip.mel) else clip)

    return warped_features
