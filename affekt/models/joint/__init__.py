"""The joint network of face and voice in time (paper.md, section 6): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In

#: A GPU, and shared memory for the loader.
_GPU = Resources(cpu="8", memory="32Gi", gpus=1, shared_memory="8Gi", timeout_seconds=2 * 86400)


@dataclass(frozen=True)
class JointSettings:
    """Bidirectional LSTM on VGG fc6 features and acoustic descriptors in time (paper.md, section 6)."""

    projection: Annotated[int, In(1)]  # units to which face and voice are each brought
    hidden: Annotated[int, In(1)]
    time_steps: Annotated[int, In(1)]  # those of bilstm share its passes through the VGG
    dropout: Annotated[float, In(0, 0.99)]
    modality_dropout: Annotated[float, In(0, 0.99)]  # share of the training clips of which face or voice is hidden
    batch_size: Annotated[int, In(1)]
    micro_batch: Annotated[int | None, In(1)]
    learning_rate: Annotated[float, In(1e-8, 10)]
    momentum: Annotated[float, In(0, 0.999)]
    weight_decay: Annotated[float, In(0, 1)]
    step_every: Annotated[int, In(1)]
    step_factor: Annotated[float, In(0.0001, 1)]
    schedule: Annotated[str, In(one_of=("step", "cosine"))]
    warmup: Annotated[int, In(0)]
    iterations: Annotated[int, In(1)]
    balanced: bool
    class_weights: bool
    label_smoothing: Annotated[float, In(0, 0.5)]


SPEC = ModelSpec(
    name="joint",
    title="Joint network of face and voice",
    short="joint",
    modalities=("face", "voice"),
    settings=JointSettings,
    train="affekt.training.sequences:train_joint",
    load="affekt.models.joint.member:load",
    needs=("vgg",),
    resources=_GPU,
    optional=True,
    needs_descriptors=True,
    processes=True,
    order=40,
)
