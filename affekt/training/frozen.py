"""Trains a linear head on what a frozen encoder makes of a clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from torch import nn

from affekt.classifiers import ArrayClassifier, fit_logistic
from affekt.models.classifier import Features
from affekt.models.frozen import DIGEST, save_encoder
from affekt.score_table import ScoreTable
from affekt.training.classifier import Rows, train_classifier
from affekt.training.given import Given


def train_head(
    given: Given,
    encoder: nn.Module,
    features: Features,
    facts: Mapping[str, Any] = MappingProxyType({}),
    copies: Sequence[Features] = (),
) -> ScoreTable:
    """Fit the head with the penalty of the model's settings, and write the encoder beside it.

    Args:
        given: what it learns from; its group has ``c``.
        encoder: that ``features`` asks.
        features: of a clip.
        facts: what the description is to say besides.
        copies: as of :func:`affekt.training.classifier.train_classifier`; a clip and its copies count as one clip.
    """
    digest = save_encoder(given.out, encoder.state_dict())

    def fit(rows: Rows, given: Given) -> tuple[ArrayClassifier, Mapping[str, Any]]:
        c = given.group.c / rows.times
        head = fit_logistic(rows.x, rows.y, len(given.labels), c=c, possible=rows.possible)
        return head, {DIGEST: digest, **facts}

    return train_classifier(given, features, fit, copies=copies)
