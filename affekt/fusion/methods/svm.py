"""A support vector machine on the score vectors, the paper's best fusion (paper.md, section 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.classifiers import CalibratedSvc, fit_svc
from affekt.extensions.fusion import FusionSpec, LabelledScores
from affekt.settings.fields import In


@dataclass(frozen=True)
class SvmFusionSettings:
    """Support vector machine on score vectors (paper.md, section 4.4)."""

    c: Annotated[float, In(1e-12), "penalty of rows on the wrong side"]
    kernel: Annotated[str, In(one_of=("linear", "rbf")), "how alike two rows are"]
    gamma: Annotated[float | None, In(1e-12), "of the RBF kernel; null: 1 / (features * their variance)"]


def fit(rows: LabelledScores, settings: SvmFusionSettings) -> CalibratedSvc:
    """The machine of some rows, its probabilities calibrated over folds of subjects."""
    return fit_svc(
        rows.x, rows.y, rows.labels, rows.subjects,
        c=settings.c, kernel=settings.kernel, gamma=settings.gamma, folds=rows.folds, seed=rows.seed,
    )  # fmt: skip


#: Its time grows with the power 1.8 of the rows: 3 CPU seconds a fit on 4,000 rows of six models, 25 on 16,000.
SPEC = FusionSpec("svm", "SVM", fit=fit, settings=SvmFusionSettings, most_rows=20_000, order=70)
