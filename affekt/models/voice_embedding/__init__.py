"""A frozen voice encoder with a linear head: what it is and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class VoiceEmbeddingSettings:
    """Linear head on statistics of a frozen voice encoder, Resemblyzer's by default."""

    pretrained: Annotated[str, "the encoder: resemblyzer, the installed package's, or a file of its layers"]
    c: Annotated[float, In(1e-9), "inverse penalty of the head's squared weights, on standardised statistics"]
    frequency_factors: Annotated[
        list[float], "the head learns from each clip also with its frequencies multiplied so, as if others had spoken"
    ]

    tempo_factors: Annotated[list[float], "the head learns from each clip also so many times as fast"]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """Factors that no voice is like."""
        for setting in ("frequency_factors", "tempo_factors"):
            if not all(0.5 <= factor <= 2 for factor in getattr(self, setting)):
                yield f"{name}.{setting}: expected factors from 0.5 to 2, got {getattr(self, setting)}"


SPEC = ModelSpec(
    name="voice_embedding",
    title="Voice encoder",
    short="voice encoder",
    modalities=("voice",),
    settings=VoiceEmbeddingSettings,
    train="affekt.training.voice_embedding:train",
    load="affekt.models.voice_embedding.member:load",
    write_graph="affekt.models.graphs.writing:write_voice",
    load_graph="affekt.models.graphs.members:load_voice",
    absent="affekt.pretrained.resemblyzer:absent",
    resources=Resources(cpu="2", memory="4Gi"),
    optional=("paper",),
    order=70,
)
