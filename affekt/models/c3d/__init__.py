"""C3D on windows of sixteen faces (paper.md, sections 3.1.1 and 4.3.1): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import FaceNetwork, In

#: Frames of a window.
WINDOW = 16


@dataclass(frozen=True)
class C3dSettings(FaceNetwork):
    """C3D on windows of consecutive frames (paper.md, sections 3.1.1 and 4.3.1)."""

    window: Annotated[int, In(16, 16), "frames that the network sees at once; the published network's"]
    base_iterations: Annotated[
        int, In(0), "on face images alone, and a twentieth of that on them as drifting windows, before any clip is seen"
    ]
    iterations: Annotated[int, In(1), "on clips"]
    windows_per_clip: Annotated[int, In(1), "windows whose probabilities are averaged"]


SPEC = ModelSpec(
    name="c3d",
    title="Convolutional 3D",
    short="C3D",
    modalities=("face",),
    settings=C3dSettings,
    train="affekt.training.pictures:train_c3d",
    load="affekt.models.c3d.member:load",
    write_graph="affekt.models.graphs.writing:write_c3d",
    load_graph="affekt.models.graphs.members:load_c3d",
    resources=ON_A_GPU,
    learns_from_images=True,
    processes=True,
    paper=32.1,
    order=20,
)
