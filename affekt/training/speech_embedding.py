"""Fits the linear head on the frozen encoder of speech."""

from __future__ import annotations

from functools import partial

from affekt.media.other_speakers import at_speed
from affekt.models.speech_embedding.frames import speech_features
from affekt.models.speech_embedding.network import SpeechEncoder
from affekt.pretrained.moonshine import open_speech_encoder
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
    encoder = SpeechEncoder.of(open_speech_encoder(given.group.pretrained))
    changes = [partial(at_speed, factor=factor) for factor in given.group.speed_factors]
    copies = [speech_features(encoder.hear, change) for change in changes]
    return train_head(given, encoder, speech_features(encoder.hear), copies=copies)
