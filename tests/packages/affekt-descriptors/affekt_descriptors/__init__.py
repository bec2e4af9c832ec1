"""A linear model on statistics of the voice's frame-level descriptors: what it is and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from affekt.extensions import ModelSpec, Resources
from affekt.settings.fields import In


@dataclass(frozen=True)
class DescriptorsSettings:
    """Softmax regression on mean, deviation, quartiles and slope of each descriptor of a clip."""

    penalty: Annotated[float, In(1e-6)]  # of the squared weights; the more, the closer to the labels' shares


SPEC = ModelSpec(
    name="descriptors",
    title="Linear model on descriptors",
    short="descriptors",
    modalities=("voice",),
    settings=DescriptorsSettings,
    presets={"paper": {"penalty": 100.0}, "small": {"penalty": 10.0}},
    train="affekt_descriptors.linear:train",
    load="affekt_descriptors.linear:load",
    resources=Resources(cpu="1", memory="2Gi"),
    needs_descriptors=True,
)
