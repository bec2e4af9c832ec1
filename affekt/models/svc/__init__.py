"""Support vector classifier on the functionals of the voice (paper.md, section 4.2.2): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class SvcSettings:
    """Support vector classifier on the 88 functionals (paper.md, section 4.2.2)."""

    c: Annotated[float | None, In(1e-12)]  # none: chosen from c_candidates by cross-validation grouped by subject
    c_candidates: list[float]
    tolerance: Annotated[float, In(1e-9)]
    kernel: Annotated[str, In(one_of=("linear", "rbf"))]
    standardise: bool


SPEC = ModelSpec(
    name="svc",
    title="Support vector classifier",
    short="SVC",
    modalities=("voice",),
    settings=SvcSettings,
    train="affekt.training.voice:train_svc",
    load="affekt.models.voice:load",
    resources=Resources(cpu="2", memory="4Gi"),
    paper=39.64,
    order=60,
)
