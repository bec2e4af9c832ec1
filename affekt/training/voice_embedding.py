"""Fits the linear head on the frozen voice encoder."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from affekt.media.mel import BANDS
from affekt.media.other_speakers import at_frequencies, at_tempo
from affekt.models.voice_embedding.directions import DIGEST, Directions
from affekt.models.voice_embedding.network import VoiceEncoder
from affekt.models.voice_embedding.utterances import GATES_FACT, LAYERS_FACT, READ_LAYERS, frames_of, voice_features
from affekt.pretrained.resemblyzer import open_voice_encoder
from affekt.score_table import ScoreTable
from affekt.training.frozen import train_head
from affekt.training.given import Given

#: Clips whose frames the directions are fitted on, and of those each so many-th.
_CLIPS, _EVERY = 200, 5


def train(given: Given) -> ScoreTable:
    """Fit the head once for each fold and once on all train clips; the encoder's weights are kept beside it.

    It learns from each clip as it is and as if others had spoken (:mod:`affekt.media.other_speakers`). The directions
    along which frames are looked at (:mod:`affekt.models.voice_embedding.directions`) are those of the train clips,
    without their labels, and the same in all folds.
    Files and errors as for :func:`affekt.training.classifier.train_classifier`.

    Raises:
        DataError: ``missing``: the encoder is not here.
    """
    encoder = VoiceEncoder.of(open_voice_encoder(given.group.pretrained), READ_LAYERS, gates=True)
    directions = Directions.fit(_heard(given, encoder))
    facts = {LAYERS_FACT: READ_LAYERS, GATES_FACT: True, DIGEST: directions.write(given.out)}
    features = voice_features(encoder.hear, facts, directions)
    changes = [partial(at_frequencies, factor=factor) for factor in given.group.frequency_factors]
    changes += [partial(at_tempo, factor=factor) for factor in given.group.tempo_factors]
    copies = [voice_features(encoder.hear, facts, directions, change) for change in changes]
    return train_head(given, encoder, features, facts, copies)


def _heard(given: Given, encoder: VoiceEncoder) -> Iterator[np.ndarray]:
    """Every fifth frame of at most 200 train clips, evenly spaced among them; without any, of silence."""
    rows = [row for row in given.index if row.split == "train" and row.voice]
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _CLIPS)).astype(int))
    mels = [given.store.get(rows[place].key).mel for place in places]
    for mel in [mel for mel in mels if len(mel)] or [np.zeros((1, BANDS), np.float32)]:
        yield frames_of(mel, encoder.hear)[::_EVERY]
