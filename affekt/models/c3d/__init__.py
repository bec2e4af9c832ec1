"""C3D on windows of sixteen faces (paper.md, sections 3.1.1 and 4.3.1): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import In, Optimisation


@dataclass(frozen=True)
class C3dSettings(Optimisation):
    """C3D on windows of consecutive frames (paper.md, sections 3.1.1 and 4.3.1)."""

    width: Annotated[float, In(0.01, 1)]
    input_size: Annotated[int, In(32, 224)]
    crops: list[float]
    window: Annotated[int, In(16, 16)]  # frames; the published network's
    batch_norm: bool
    dropout: Annotated[float, In(0, 0.99)]
    pretrained: str | None
    base_iterations: Annotated[int, In(0)]  # on face images alone, and a twentieth of that on them as drifting windows
    base_learning_rate: Annotated[float, In(1e-8, 10)]  # of those
    iterations: Annotated[int, In(1)]
    windows_per_clip: Annotated[int, In(1)]  # windows whose probabilities are averaged
    mirror: bool


SPEC = ModelSpec(
    name="c3d",
    title="Convolutional 3D",
    short="C3D",
    modalities=("face",),
    settings=C3dSettings,
    train="affekt.training.pictures:train_c3d",
    load="affekt.models.c3d.member:load",
    resources=ON_A_GPU,
    learns_from_images=True,
    processes=True,
    paper=32.1,
    order=20,
)
