"""A frozen encoder of speech with a linear head: what it is and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class SpeechEmbeddingSettings:
    """Linear head on statistics of a frozen encoder of speech, Moonshine's by default."""

    pretrained: Annotated[str, "the encoder: moonshine, the installed package's, or a file of its layers"]
    c: Annotated[float, In(1e-9), "inverse penalty of the head's squared weights, on standardised statistics"]
    speed_factors: Annotated[
        list[float], "the head learns from each clip also played so many times as fast, as if others had spoken"
    ]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """Factors that no voice is like."""
        if not all(0.5 <= factor <= 2 for factor in self.speed_factors):
            yield f"{name}.speed_factors: expected factors from 0.5 to 2, got {self.speed_factors}"


SPEC = ModelSpec(
    name="speech_embedding",
    title="Speech encoder",
    short="speech encoder",
    modalities=("voice",),
    settings=SpeechEmbeddingSettings,
    train="affekt.training.speech_embedding:train",
    load="affekt.models.speech_embedding.member:load",
    write_graph="affekt.models.graphs.writing:write_speech",
    load_graph="affekt.models.graphs.members:load_speech",
    absent="affekt.pretrained.moonshine:absent",
    resources=Resources(cpu="2", memory="4Gi"),
    optional=("paper",),
    order=75,
)
