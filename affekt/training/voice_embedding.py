"""Fits the linear head on the frozen voice encoder."""

from __future__ import annotations

from functools import partial

from affekt.media.other_speakers import at_frequencies, at_tempo
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import GATES_FACT, LAYERS_FACT, READ_LAYERS, voice_features
from affekt.pretrained.resemblyzer import open_voice_encoder
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the encoder's weights are kept beside it.

    It learns from each clip as it is and as if others had spoken (:mod:`affekt.media.other_speakers`).
    Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: ``missing``: the encoder is not here.
    """
    encoder = VoiceEncoder.of(open_voice_encoder(given.group.pretrained), READ_LAYERS, gates=True)
    facts = {LAYERS_FACT: READ_LAYERS, GATES_FACT: True}
    features = voice_features(encoder.hear, facts)
    changes = [partial(at_frequencies, factor=factor) for factor in given.group.frequency_factors]
    changes += [partial(at_tempo, factor=factor) for factor in given.group.tempo_factors]
    copies = [voice_features(encoder.hear, facts, change) for change in changes]
    return train_head(given, encoder, features, facts, copies)
