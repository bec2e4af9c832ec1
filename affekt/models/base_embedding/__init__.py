"""The frozen base of the own VGG, which has seen no clip, with a linear head: what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class BaseEmbeddingSettings:
    """Linear head on statistics of fc6 of the VGG as it was before it learned from any clip."""

    frames_per_clip: Annotated[int, In(1, 1024), "evenly spaced face frames that are read of a clip"]
    c: Annotated[float, In(1e-9), "inverse penalty of the head's squared weights, on standardised statistics"]


SPEC = ModelSpec(
    name="base_embedding",
    title="Frozen VGG",
    short="frozen VGG",
    modalities=("face",),
    settings=BaseEmbeddingSettings,
    train="affekt.training.base_embedding:train",
    load="affekt.models.base_embedding.member:load",
    write_graph="affekt.models.graphs.writing:write_base",
    load_graph="affekt.models.graphs.members:load_base",
    needs=("vgg",),
    resources=Resources(cpu="4", memory="8Gi"),
    optional=("paper",),
    stands_in="vgg",
    order=90,
)
