"""A frozen encoder of faces with a linear head: what it is and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class FaceEmbeddingSettings:
    """Linear head on statistics of a frozen face encoder, HSE FaceRes by default."""

    pretrained: Annotated[str, "the encoder: a name, path or uri of what affekt weights import keeps"]
    frames_per_clip: Annotated[int, In(1, 1024), "evenly spaced face frames that are read of a clip"]
    c: Annotated[float, In(1e-9), "inverse penalty of the head's squared weights, on standardised statistics"]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """What cannot be so together, each as ``"<name>.<setting>: why"``."""
        media = settings.media
        if media.wide_size != 0 and self.frames_per_clip > media.wide_frames:
            yield (
                f"{name}.frames_per_clip: {self.frames_per_clip} is more than media.wide_frames ({media.wide_frames}), "
                "of so many there are the pictures that it reads"
            )


SPEC = ModelSpec(
    name="face_embedding",
    title="Face encoder",
    short="face encoder",
    modalities=("face",),
    settings=FaceEmbeddingSettings,
    train="affekt.training.face_embedding:train",
    load="affekt.models.face_embedding.member:load",
    write_graph="affekt.models.graphs.writing:write_face",
    load_graph="affekt.models.graphs.members:load_face",
    absent="affekt.training.face_embedding:absent",
    resources=Resources(cpu="4", memory="8Gi"),
    optional=("paper",),
    reads_wide=True,
    order=80,
)
