"""VGG-16 on single faces (paper.md, section 4.3.2): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import In, Optimisation


@dataclass(frozen=True)
class VggSettings(Optimisation):
    """VGG-16 on face images and clip faces (paper.md, sections 3.2 and 4.3.2)."""

    width: Annotated[float, In(0.01, 1)]  # share of the published channel and unit numbers
    input_size: Annotated[int, In(32, 224)]  # side of the network's input, pixels
    crops: list[float]  # sides of the crops to learn from, as shares of the stored picture's; the first is scored
    batch_norm: bool
    dropout: Annotated[float, In(0, 0.99)]
    pretrained: str | None  # weights to start from: a name that `affekt weights list` shows, a path or a uri
    base_iterations: Annotated[int, In(0)]  # on face images alone, once, before any clip is seen
    base_learning_rate: Annotated[float, In(1e-8, 10)]  # of those
    iterations: Annotated[int | None, In(1)]  # on face images and clip faces together; none: as many as rounds says
    rounds: Annotated[int | None, In(1)]  # through the face images, where there are no clips and iterations is none
    face_share: Annotated[
        float | None, In(0, 1)
    ]  # of a batch taken from face images; none: in proportion to their number
    frames_per_clip: Annotated[int, In(1)]  # frames whose probabilities are averaged to a clip's score vector
    mirror: bool  # whether a face and its mirror image are both scored, and averaged; the Bi-LSTM follows


SPEC = ModelSpec(
    name="vgg",
    title="VGG",
    short="VGG",
    modalities=("face",),
    settings=VggSettings,
    train="affekt.training.pictures:train_vgg",
    load="affekt.models.vgg.member:load",
    resources=ON_A_GPU,
    learns_from_images=True,
    answers_images=True,
    processes=True,
    paper=44.1,
    order=10,
)
