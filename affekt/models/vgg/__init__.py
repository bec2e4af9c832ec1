"""VGG-16 on single faces (paper.md, section 4.3.2): what it is and its settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import FaceNetwork, In


@dataclass(frozen=True)
class VggSettings(FaceNetwork):
    """VGG-16 on face images and clip faces (paper.md, sections 3.2 and 4.3.2)."""

    iterations: Annotated[int | None, In(1), "on face images and clip faces together; null: as many as rounds says"]
    rounds: Annotated[int | None, In(1), "through the face images, where there are no clips and iterations is null"]
    face_share: Annotated[
        float | None, In(0, 1), "of a batch taken from face images; null: in proportion to their number"
    ]
    frames_per_clip: Annotated[int, In(1), "frames whose probabilities are averaged to a clip's score vector"]
    read_layer: Annotated[
        str,
        In(one_of=("fc6", "fc7")),
        "whose activations the Bi-LSTM and the joint network read (paper.md, section 4.3.3)",
    ]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """As of :class:`affekt.settings.fields.Optimisation`."""
        yield from super().contradictions(name, settings)
        if self.iterations is None and self.rounds is None:
            yield f"{name}.iterations: null means as many as {name}.rounds says, which is null, too"


SPEC = ModelSpec(
    name="vgg",
    title="VGG",
    short="VGG",
    modalities=("face",),
    settings=VggSettings,
    train="affekt.training.pictures:train_vgg",
    load="affekt.models.vgg.member:load",
    write_graph="affekt.models.graphs.writing:write_vgg",
    load_graph="affekt.models.graphs.members:load_vgg",
    resources=ON_A_GPU,
    learns_from_images=True,
    answers_images=True,
    processes=True,
    explain="affekt.models.vgg.explain:Explainer.load",
    paper=44.1,
    order=10,
)
