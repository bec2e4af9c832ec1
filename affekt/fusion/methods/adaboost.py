"""AdaBoost of small trees on the score vectors (paper.md, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.classifiers import TreeEnsemble, fit_adaboost
from affekt.extensions.fusion import FusionSpec, LabelledScores
from affekt.settings.fields import In


@dataclass(frozen=True)
class AdaBoostFusionSettings:
    """AdaBoost of trees on score vectors (paper.md, section 4.4)."""

    trees: Annotated[int, In(1), "that are added one after the other"]
    depth: Annotated[int, In(1), "of each tree"]
    learning_rate: Annotated[float, In(1e-6, 10), "share of each tree's say"]


def fit(rows: LabelledScores, settings: AdaBoostFusionSettings) -> TreeEnsemble:
    """The boosted trees of some rows.

    Raises:
        ValueError: the first tree is no better than chance.
    """
    return fit_adaboost(
        rows.x, rows.y, rows.labels,
        trees=settings.trees, depth=settings.depth, learning_rate=settings.learning_rate, seed=rows.seed,
    )  # fmt: skip


SPEC = FusionSpec("adaboost", "AdaBoost", fit=fit, settings=AdaBoostFusionSettings, order=60)
