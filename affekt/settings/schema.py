"""What the settings of a training run are: their groups, types and limits."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions import detector_names, fusion_names, model_names
from affekt.settings.fields import In


@dataclass(frozen=True)
class MediaSettings:
    """How a clip file becomes face crops, sound and functionals."""

    face_size: Annotated[int, In(32, 512)]  # side of the stored square face crop, pixels
    face_margin: Annotated[float, In(0, 1)]  # context on each side, as a share of that side
    face_side: Annotated[
        str, In(one_of=("area", "longer"))
    ]  # of the face box: the mean one, by its area, or the longer
    detector: Annotated[str, In(one_of=detector_names)]
    detector_model: str | None  # file of the detector's weights, where the detector needs one
    detect_every: Annotated[int, In(1, 100)]  # frames from one detection to the next
    detection_height: Annotated[int, In(120, 2160)]  # faces are searched on a picture of this height, pixels
    sample_rate: Annotated[int, In(8000, 48000)]  # Hz, for training and serving alike
    functionals: str  # the audio feature set: egemaps, or one that an installed package offers
    max_bytes: Annotated[int, In(1)]
    max_seconds: Annotated[float, In(0.1)]
    max_pixels: Annotated[int, In(1)]  # width times height of the source picture
    timeout_seconds: Annotated[float, In(1)]  # wall time for one file
    max_skipped: Annotated[float, In(0, 1)]  # a larger share of unusable clips fails the run


@dataclass(frozen=True)
class FusionSettings:
    """How score vectors become one (paper.md, sections 3.3 and 4.4)."""

    method: Annotated[str, In(one_of=fusion_names)]
    scores: Annotated[str, In(one_of=("out_of_fold", "held_out"))]  # which scores a trained fusion is fitted on
    folds: Annotated[int, In(2, 50)]  # grouped by subject
    on_trial: Annotated[
        list[str], In(one_of=model_names)
    ]  # models that are fused only if that raises the accuracy on train subjects that they did not see
    held_out_share: Annotated[float, In(0.05, 0.9)]  # of the training subjects, for ``held_out``
    methods: Mapping[str, Any]  # the group of settings of each installed method that has some, by its name


@dataclass(frozen=True)
class EvaluationSettings:
    """How figures are judged."""

    bootstrap: Annotated[int, In(100, 1_000_000)]  # resamples, over subjects
    confidence: Annotated[float, In(0.5, 0.999)]


@dataclass(frozen=True)
class GateSettings:
    """When a challenger becomes the champion."""

    confidence: Annotated[float, In(0.5, 0.999)]  # of the paired comparison on the same clips
    margin: Annotated[float, In(-1, 1)]  # the gain in accuracy that must be exceeded with that confidence
    check_serving: bool  # load and query the challenger in a real TorchServe first


@dataclass(frozen=True)
class Settings:
    """All settings of a run. Build with :func:`load_settings`."""

    preset: str
    seed: Annotated[int, In(0)]
    device: Annotated[str, In(one_of=("auto", "cpu", "cuda"))]
    precision: Annotated[str, In(one_of=("auto", "float32", "bfloat16"))]
    compile: bool  # whether networks are trained as torch.compile makes them; it needs a C++ compiler on a CPU
    val_share: Annotated[float, In(0.01, 0.9)]  # of the subjects, for validation, where the data set names no split
    allow_shared_subjects: bool  # whether a person may be on both sides of a split; figures are then too good
    media: MediaSettings
    fusion: FusionSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    models: Mapping[str, Any]  # the group of settings of each installed model, by its name

    def __getattr__(self, name: str) -> Any:
        """``settings.vgg``: the group of a model."""
        if name == "models" or name not in self.models:
            raise AttributeError(f"there are no settings {name!r}")
        return self.models[name]

    def with_group(self, name: str, **changes: Any) -> Settings:
        """The same settings with another value or more in one group, a model's or another."""
        group = dataclasses.replace(getattr(self, name), **changes)
        if name in self.models:
            return dataclasses.replace(self, models={**self.models, name: group})
        return dataclasses.replace(self, **{name: group})

    def to_dict(self) -> dict[str, Any]:
        """The settings as nested plain dictionaries; what models and fusion methods add stands beside the rest."""
        values = dataclasses.asdict(self)
        values["fusion"] |= values["fusion"].pop("methods")
        return {**values.pop("models"), **values}

    def to_json(self) -> str:
        """The settings as JSON with sorted keys; :func:`settings_from_json` reads it."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def flat(self) -> dict[str, Any]:
        """``{"vgg.width": 1.0, …}``, the form in which runs log them."""
        return dict(flatten(self.to_dict()))


def digest_of(settings: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a settings dataclass."""
    values = settings.to_dict() if isinstance(settings, Settings) else dataclasses.asdict(settings)
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested settings as rows ``("vgg.width", 1.0)``."""
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(flatten(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", value))
    return rows
