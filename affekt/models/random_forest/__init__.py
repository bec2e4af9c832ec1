"""Random forest on the functionals of the voice (paper.md, section 4.2.2): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class RandomForestSettings:
    """Random forest on the 88 functionals (paper.md, section 4.2.2)."""

    contours: Annotated[bool, "whether it also reads how the descriptors under the functionals run through a clip"]

    trees: Annotated[int, In(1), "whose votes are averaged"]
    min_samples_split: Annotated[int, In(2), "clips that a branch needs to be divided further"]


SPEC = ModelSpec(
    name="random_forest",
    title="Random forest",
    short="forest",
    modalities=("voice",),
    settings=RandomForestSettings,
    train="affekt.training.voice:train_random_forest",
    load="affekt.models.voice:load",
    resources=Resources(cpu="4", memory="4Gi"),
    paper=34.64,
    order=50,
)
