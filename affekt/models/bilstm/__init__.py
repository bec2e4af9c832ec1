"""Bi-LSTM over fc6 of the VGG in time (paper.md, sections 3.1.2 and 4.3.3): what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions.model import ModelSpec, Resources
from affekt.settings.fields import In

#: A GPU, and shared memory for the loader.
_GPU = Resources(cpu="8", memory="32Gi", gpus=1, shared_memory="8Gi", timeout_seconds=2 * 86400)


@dataclass(frozen=True)
class BilstmSettings:
    """Bidirectional LSTM on VGG fc6 features in time (paper.md, sections 3.1.2 and 4.3.3)."""

    hidden: Annotated[int, In(1)]
    time_steps: Annotated[int, In(1)]
    dropout: Annotated[float, In(0, 0.99)]
    standardise: bool  # whether each fc6 unit is standardised by its values on the train clips
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
    name="bilstm",
    title="VGG + Bi-LSTM",
    short="VGG + Bi-LSTM",
    modalities=("face",),
    settings=BilstmSettings,
    train="affekt.training.sequences:train_bilstm",
    load="affekt.models.bilstm.member:load",
    needs=("vgg",),
    resources=_GPU,
    processes=True,
    paper=51.9,
    order=30,
)
