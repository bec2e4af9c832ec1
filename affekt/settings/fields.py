"""What a settings dataclass is made of: limits of a setting, and the settings that several models share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any


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
class Installed:
    """Marks a mapping of groups, one for each installed extension; they stand beside the settings of its group."""

    groups: Callable[[], Mapping[str, type]]


@dataclass(frozen=True)
class Optimisation:
    """How a network is trained by stochastic gradient descent; the settings of every trained network begin with it."""

    batch_size: Annotated[int, In(1), "items from one step of the optimiser to the next"]
    micro_batch: Annotated[
        int | None, In(1), "items on the device at once, whose gradients add up to batch_size; null: as many as fit"
    ]
    learning_rate: Annotated[float, In(1e-8, 10), "of stochastic gradient descent, before it falls"]
    momentum: Annotated[float, In(0, 0.999), "share of the last step that is taken again"]
    weight_decay: Annotated[float, In(0, 1), "penalty on the squares of the weights"]
    step_every: Annotated[int, In(1), "iterations from one decrease of the learning rate to the next"]
    step_factor: Annotated[float, In(0.0001, 1), "what is left of the learning rate at each decrease"]
    schedule: Annotated[str, In(one_of=("step", "cosine")), "how the learning rate falls over a stage's iterations"]
    warmup: Annotated[int, In(0), "iterations over which the learning rate first rises"]
    balanced: Annotated[bool, "whether each label is drawn as often as any other"]
    class_weights: Annotated[bool, "whether a label's losses are weighted by the inverse of how often it is drawn"]
    label_smoothing: Annotated[float, In(0, 0.5), "share of the target probability that all labels divide equally"]
    averaging: Annotated[
        float,
        In(0, 0.99999),
        "share of the weights' running mean that a step leaves, which is kept in the end; 0: none",
    ]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """What cannot be so together, each as ``"<name>.<setting>: why"``; ``settings`` are those of the whole run."""
        if self.micro_batch and self.batch_size % self.micro_batch:
            yield f"{name}.micro_batch: {self.micro_batch} does not divide {name}.batch_size {self.batch_size}"


@dataclass(frozen=True)
class FaceNetwork(Optimisation):
    """A convolutional network on face crops: its size, what it sees and from where it starts."""

    width: Annotated[float, In(0.01, 1), "share of the published channel and unit numbers"]
    input_size: Annotated[int, In(32, 224), "side of the network's input, pixels"]
    crops: Annotated[
        list[float], "sides of the crops to learn from, as shares of the stored picture's; the first is scored"
    ]
    batch_norm: Annotated[bool, "whether convolutions are followed by batch normalisation"]
    dropout: Annotated[float, In(0, 0.99), "share of the units of the fully connected layers that a step leaves out"]
    pretrained: Annotated[
        str | None, "weights to start from: a name that `affekt weights list` shows, a path or a uri; null: random"
    ]
    base_iterations: Annotated[int, In(0), "on face images alone, once, before any clip is seen"]
    base_learning_rate: Annotated[float, In(1e-8, 10), "of base_iterations"]
    mirror: Annotated[bool, "whether a face and its mirror image are both scored, and averaged"]
    rotation: Annotated[float, In(0, 45), "degrees by which pictures to learn from are turned, at most"]
    erasing: Annotated[float, In(0, 1), "probability with which a rectangle of a picture to learn from is made grey"]
    mixup: Annotated[float, In(0, 4), "parameter of the shares by which pictures to learn from are blended; 0: none is"]

    def contradictions(self, name: str, settings: Any) -> Iterator[str]:
        """As of :class:`Optimisation`."""
        yield from super().contradictions(name, settings)
        if self.batch_norm and (self.micro_batch or self.batch_size) < 2:
            yield f"{name}.batch_norm: needs two items at once, see {name}.micro_batch"
        if not self.crops or not all(0.1 <= share <= 1 for share in self.crops):
            yield f"{name}.crops: expected shares from 0.1 to 1, got {self.crops}"
        if self.input_size > settings.media.face_size:
            yield f"{name}.input_size: {self.input_size} is larger than media.face_size {settings.media.face_size}"
