"""Bayesian combination of decisions: how often each model gives which label for which (Xu, Krzyzak and Suen 1992)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from affekt.extensions import FusionSpec, LabelledScores
from affekt.settings.fields import In


@dataclass(frozen=True)
class BayesSettings:
    """Bayesian combination of decisions."""

    smoothing: Annotated[float, In(1e-6), "clips added to each cell of a model's confusion matrix"]


@dataclass(frozen=True)
class Decisions:
    """What the models' decisions say of the label, each model by itself.

    Attributes:
        prior: float64 ``[L]``, logarithms of the labels' shares.
        given: float64 ``[M, L, L]``, logarithms of how often a model decides for a label (last) where one is true.
    """

    prior: np.ndarray
    given: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities ``[N, L]`` for score vectors laid end to end, ``[N, M L]``."""
        models, labels, _ = self.given.shape
        decided = x.reshape(len(x), models, labels).argmax(axis=2)
        logs = self.prior + sum(self.given[model][:, decided[:, model]].T for model in range(models))
        powers = np.exp(logs - logs.max(axis=1, keepdims=True))
        probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return probabilities

    def arrays(self) -> dict[str, np.ndarray]:
        """Both tables, for storage."""
        return {"prior": self.prior, "given": self.given}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Decisions:
        """The combination whose :meth:`arrays` these are."""
        return cls(arrays["prior"], arrays["given"])


def fit(rows: LabelledScores, settings: BayesSettings) -> Decisions:
    """Count the labels, and what each model decided where one was true."""
    decided = rows.x.reshape(len(rows.x), rows.models, rows.labels).argmax(axis=2)
    counts = np.full((rows.models, rows.labels, rows.labels), settings.smoothing)
    for model in range(rows.models):
        np.add.at(counts[model], (rows.y, decided[:, model]), 1)
    shares = np.bincount(rows.y, minlength=rows.labels) + settings.smoothing
    return Decisions(np.log(shares / shares.sum()), np.log(counts / counts.sum(axis=2, keepdims=True)))


SPEC = FusionSpec(
    name="bayes",
    title="Bayesian combination",
    fit=fit,
    kinds={"decisions": Decisions},
    settings=BayesSettings,
    presets={"paper": {"smoothing": 1.0}},
)
