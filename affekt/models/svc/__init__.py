"""Support vector classifier on the functionals of the voice (paper.md, section 4.2.2): what it is and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class SvcSettings:
    """Support vector classifier on the 88 functionals (paper.md, section 4.2.2)."""

    contours: Annotated[bool, "whether it also reads how the descriptors under the functionals run through a clip"]

    c: Annotated[float | None, In(1e-12), "penalty; null: chosen from c_candidates on held-out subjects"]
    c_candidates: Annotated[list[float], "penalties to choose from"]
    tolerance: Annotated[float, In(1e-9), "at which fitting stops"]
    kernel: Annotated[str, In(one_of=("linear", "rbf")), "how alike two clips are"]
    standardise: Annotated[bool, "whether each functional is standardised by its values on the train clips"]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """What cannot be so together."""
        if self.c is None and not self.c_candidates:
            yield f"{name}.c: null means chosen from {name}.c_candidates, which is empty"


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
