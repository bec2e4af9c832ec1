"""The joint network of face and voice in time (paper.md, section 6): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ON_A_GPU, ModelSpec
from affekt.settings.fields import In, Optimisation


@dataclass(frozen=True)
class JointSettings(Optimisation):
    """Bidirectional LSTM on VGG fc6 features and acoustic descriptors in time (paper.md, section 6)."""

    projection: Annotated[int, In(1), "units to which face and voice are each brought"]
    hidden: Annotated[int, In(1), "units in each direction"]
    time_steps: Annotated[int, In(1), "moments of a clip; those of bilstm share its passes through the VGG"]
    dropout: Annotated[float, In(0, 0.99), "share of the units that a step leaves out"]
    modality_dropout: Annotated[float, In(0, 0.99), "share of the training clips of which face or voice is hidden"]
    iterations: Annotated[int, In(1), "on clips"]


SPEC = ModelSpec(
    name="joint",
    title="Joint network of face and voice",
    short="joint",
    modalities=("face", "voice"),
    settings=JointSettings,
    train="affekt.training.sequences:train_joint",
    load="affekt.models.joint.member:load",
    write_graph="affekt.models.graphs.writing:write_joint",
    load_graph="affekt.models.graphs.members:load_joint",
    needs=("vgg",),
    resources=ON_A_GPU,
    optional=True,
    needs_descriptors=True,
    processes=True,
    order=40,
)
