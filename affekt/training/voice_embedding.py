"""Fits the linear head on the frozen voice encoder."""

from __future__ import annotations

from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import LAYERS_FACT, READ_LAYERS, voice_features
from affekt.pretrained.resemblyzer import open_voice_encoder
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the encoder's weights are kept beside it.

    Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: ``missing``: the encoder is not here.
    """
    encoder = VoiceEncoder.of(open_voice_encoder(given.group.pretrained), READ_LAYERS)
    facts = {LAYERS_FACT: READ_LAYERS}
    return train_head(given, encoder, voice_features(encoder.hear, facts), facts)
