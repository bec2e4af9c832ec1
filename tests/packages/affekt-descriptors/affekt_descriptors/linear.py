"""The linear model on descriptors: its features, its fitting, and how it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from affekt.classifiers import ArrayClassifier, fit_logistic
from affekt.media.prepared import PreparedClip
from affekt.models.classifier import ClassifierMember
from affekt.models.member import HardwareChoice, Member
from affekt.score_table import ScoreTable
from affekt.training.classifier import Rows, train_classifier
from affekt.training.given import Given


def statistics(clip: PreparedClip) -> np.ndarray | None:
    """Mean, deviation, quartiles and slope of each of D descriptors, float64 ``[6 D]``; none without a voice."""
    if not clip.voice or not len(clip.descriptors):
        return None
    rows = clip.descriptors.astype(float)
    time = np.linspace(-1, 1, len(rows))[:, None]
    slope = (time * (rows - rows.mean(axis=0))).sum(axis=0) / max(float((time**2).sum()), 1e-9)
    quartiles = np.quantile(rows, [0.25, 0.5, 0.75], axis=0)
    return np.concatenate([rows.mean(axis=0), rows.std(axis=0), *quartiles, slope])


def train(given: Given) -> ScoreTable:
    """Fit once for each fold and once on all train clips."""
    return train_classifier(given, statistics, _fit)


def load(folder: Path, needs: Mapping[str, Member], hardware: HardwareChoice) -> ClassifierMember:
    """Read what :func:`train` wrote."""
    return ClassifierMember.load(folder, statistics)


def _fit(rows: Rows, given: Given) -> tuple[ArrayClassifier, Mapping[str, Any]]:
    return fit_logistic(rows.x, rows.y, len(given.labels), c=1 / given.group.penalty), {}
