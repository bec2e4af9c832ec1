"""Bi-LSTM over fc6 of the VGG in time (paper.md, sections 3.1.2 and 4.3.3): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import In, Optimisation


@dataclass(frozen=True)
class BilstmSettings(Optimisation):
    """Bidirectional LSTM on VGG fc6 features in time (paper.md, sections 3.1.2 and 4.3.3)."""

    hidden: Annotated[int, In(1), "units in each direction"]
    time_steps: Annotated[int, In(1), "faces of a clip that it looks at"]
    dropout: Annotated[float, In(0, 0.99), "share of the units that a step leaves out"]
    standardise: Annotated[bool, "whether each fc6 unit is standardised by its values on the train clips"]
    iterations: Annotated[int, In(1), "on clips"]


SPEC = ModelSpec(
    name="bilstm",
    title="VGG + Bi-LSTM",
    short="VGG + Bi-LSTM",
    modalities=("face",),
    settings=BilstmSettings,
    train="affekt.training.sequences:train_bilstm",
    load="affekt.models.bilstm.member:load",
    write_graph="affekt.models.graphs.writing:write_bilstm",
    load_graph="affekt.models.graphs.members:load_bilstm",
    needs=("vgg",),
    resources=ON_A_GPU,
    processes=True,
    paper=51.9,
    order=30,
)
