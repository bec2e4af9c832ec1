"""The limits of a setting, and the settings that all trained networks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class In:
    """Limits of a setting: a closed range, or the list of what it may be."""

    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()

    @property
    def choices(self) -> tuple[str, ...]:
        """What the setting may be; asked for when it is needed, where that depends on what is installed."""
        return self.one_of() if callable(self.one_of) else self.one_of


@dataclass(frozen=True)
class Optimisation:
    """How a network is trained by stochastic gradient descent; the settings of every trained network begin with it."""

    batch_size: Annotated[int, In(1)]
    micro_batch: Annotated[int | None, In(1)]  # items on the device at once; gradients are accumulated up to batch_size
    learning_rate: Annotated[float, In(1e-8, 10)]
    momentum: Annotated[float, In(0, 0.999)]
    weight_decay: Annotated[float, In(0, 1)]
    step_every: Annotated[int, In(1)]  # iterations from one decrease of the learning rate to the next
    step_factor: Annotated[float, In(0.0001, 1)]
    schedule: Annotated[str, In(one_of=("step", "cosine"))]  # how the learning rate falls over a stage's iterations
    warmup: Annotated[int, In(0)]  # iterations over which the learning rate first rises
    balanced: bool  # whether each label is drawn as often as any other
    class_weights: bool  # whether a label's losses are weighted by the inverse of how often it is drawn
    label_smoothing: Annotated[float, In(0, 0.5)]
