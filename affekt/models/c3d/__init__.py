"""C3D on windows of sixteen faces (paper.md, sections 3.1.1 and 4.3.1): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In

#: A GPU, and shared memory for the loader.
_GPU = Resources(cpu="8", memory="32Gi", gpus=1, shared_memory="8Gi", timeout_seconds=2 * 86400)


@dataclass(frozen=True)
class C3dSettings:
    """C3D on windows of consecutive frames (paper.md, sections 3.1.1 and 4.3.1)."""

    width: Annotated[float, In(0.01, 1)]
    input_size: Annotated[int, In(32, 224)]
    crops: list[float]
    window: Annotated[int, In(16, 16)]  # frames; the published network's
    batch_norm: bool
    dropout: Annotated[float, In(0, 0.99)]
    pretrained: str | None
    batch_size: Annotated[int, In(1)]
    micro_batch: Annotated[int | None, In(1)]
    learning_rate: Annotated[float, In(1e-8, 10)]
    momentum: Annotated[float, In(0, 0.999)]
    weight_decay: Annotated[float, In(0, 1)]
    step_every: Annotated[int, In(1)]
    step_factor: Annotated[float, In(0.0001, 1)]
    schedule: Annotated[str, In(one_of=("step", "cosine"))]
    warmup: Annotated[int, In(0)]
    base_iterations: Annotated[int, In(0)]  # on face images alone, and a twentieth of that on them as drifting windows
    base_learning_rate: Annotated[float, In(1e-8, 10)]  # of those
    iterations: Annotated[int, In(1)]
    windows_per_clip: Annotated[int, In(1)]  # windows whose probabilities are averaged
    mirror: bool
    balanced: bool
    class_weights: bool
    label_smoothing: Annotated[float, In(0, 0.5)]


SPEC = ModelSpec(
    name="c3d",
    title="Convolutional 3D",
    short="C3D",
    modalities=("face",),
    settings=C3dSettings,
    train="affekt.training.pictures:train_c3d",
    load="affekt.models.c3d.member:load",
    resources=_GPU,
    learns_from_images=True,
    processes=True,
    paper=32.1,
    order=20,
)
