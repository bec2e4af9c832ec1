"""A random forest on the score vectors (paper.md, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.classifiers import TreeEnsemble, fit_forest
from affekt.extensions.fusion import FusionSpec, LabelledScores
from affekt.settings.fields import In


@dataclass(frozen=True)
class ForestFusionSettings:
    """Random forest on score vectors (paper.md, section 4.4)."""

    trees: Annotated[int, In(1), "whose votes are averaged"]
    min_samples_split: Annotated[int, In(2), "rows that a branch needs to be divided further"]


def fit(rows: LabelledScores, settings: ForestFusionSettings) -> TreeEnsemble:
    """The forest of some rows."""
    return fit_forest(
        rows.x, rows.y, rows.labels,
        trees=settings.trees, min_samples_split=settings.min_samples_split, seed=rows.seed,
    )  # fmt: skip


SPEC = FusionSpec("random_forest", "Random forest", fit=fit, settings=ForestFusionSettings, order=50)
