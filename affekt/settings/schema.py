"""What the settings of a training run are: their groups, types and limits."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.extensions import detector_names, detector_spec, fusion_names, fusion_specs, model_names, model_specs
from affekt.settings.fields import In, Installed


@dataclass(frozen=True)
class MediaSettings:
    """How a clip file becomes face crops, sound and functionals."""

    face_size: Annotated[int, In(32, 512), "side of the stored square face crop, pixels"]
    face_margin: Annotated[float, In(0, 1), "context on each side of the face, as a share of that side"]
    face_side: Annotated[
        str, In(one_of=("area", "longer")), "side of the face box: the mean one, by its area, or the longer"
    ]
    picture_quality: Annotated[
        int, In(0, 100), "JPEG quality of face crops, in the store and in answers alike; 0 keeps every bit"
    ]
    wide_size: Annotated[
        int | None,
        In(0, 512),
        "side of the wider pictures that the face encoder reads, pixels; 0: it reads the face crops; "
        "null: 160 where it is trained and its weights are here",
    ]
    wide_margin: Annotated[float, In(0, 2), "context on each side of the face in them, as a share of that side"]
    wide_frames: Annotated[int, In(1, 1024), "evenly spaced face frames of a clip of which there is one"]
    detector: Annotated[str, In(one_of=detector_names), "what finds faces in a picture"]
    detector_model: Annotated[str | None, "file of the detector's weights, where the detector needs one"]
    detect_every: Annotated[int, In(1, 100), "frames from one detection to the next; between them faces are tracked"]
    detection_height: Annotated[int, In(120, 2160), "faces are searched on a picture of this height, pixels"]
    sample_rate: Annotated[int, In(8000, 48000), "of the sound, Hz, for training and serving alike"]
    functionals: Annotated[str, "the audio feature set: egemaps, or one that an installed package offers"]
    one_level: Annotated[bool, "whether the sound of every clip is brought to one level before it is listened to"]
    trim_silence: Annotated[bool, "whether silence before and behind what is heard is left out of the functionals"]
    max_bytes: Annotated[int, In(1), "a larger file is refused"]
    max_seconds: Annotated[float, In(0.1), "a longer clip is refused"]
    max_pixels: Annotated[int, In(1), "width times height of the source picture; a larger one is refused"]
    timeout_seconds: Annotated[float, In(1), "wall time for one file, from its decoding to its answer"]
    max_skipped: Annotated[float, In(0, 1), "a larger share of unusable clips fails the run"]
    cache_gib: Annotated[float, In(0), "disk for copies of a prepared store in S3; those not read for longest go first"]

    def contradictions(self, name: str, settings: Settings) -> Iterator[str]:
        """What cannot be so together, each as ``"<name>.<setting>: why"``."""
        if detector_spec(self.detector).weights and not self.detector_model:
            yield f"{name}.detector_model: the detector {self.detector} needs its weights file"


def _fusion_groups() -> Mapping[str, type]:
    return {name: spec.settings for name, spec in fusion_specs().items() if spec.settings is not None}


@dataclass(frozen=True)
class FusionSettings:
    """How score vectors become one (paper.md, sections 3.3 and 4.4)."""

    method: Annotated[str, In(one_of=fusion_names), "how the answering fusion makes one score vector of several"]
    scores: Annotated[str, In(one_of=("out_of_fold", "held_out")), "which scores a trained fusion is fitted on"]
    folds: Annotated[int, In(2, 50), "of out-of-fold scores, grouped by subject"]
    optional: Annotated[
        list[str],
        In(one_of=model_names),
        "models that are fused only if that raises the accuracy on train subjects that they did not see",
    ]
    held_out_share: Annotated[float, In(0.05, 0.9), "of the training subjects, kept for the fusion with held_out"]
    methods: Annotated[Mapping[str, Any], Installed(_fusion_groups)]  # of each method that has some, by its name


@dataclass(frozen=True)
class EvaluationSettings:
    """How figures are estimated."""

    bootstrap: Annotated[int, In(100, 1_000_000), "resamples, over subjects"]
    confidence: Annotated[float, In(0.5, 0.999), "of the intervals of figures"]


@dataclass(frozen=True)
class GateSettings:
    """When a challenger becomes the champion."""

    confidence: Annotated[float, In(0.5, 0.999), "of the paired comparison on the same clips"]
    false_promotions: Annotated[
        float, In(0.001, 1), "the chance that one of `decisions` is for a challenger that is no better; 1: no bound"
    ]
    decisions: Annotated[int, In(1, 10000), "so many against one champion share `false_promotions`: a year of weeks"]
    margin: Annotated[float, In(-1, 1), "the gain in accuracy that must be exceeded with that confidence"]
    min_clips: Annotated[int, In(1), "with fewer that neither model learned from nothing is decided"]
    min_subjects: Annotated[int, In(0), "the same for the people in them; 0 where nobody's name is known"]
    max_recall_fall: Annotated[float, In(0, 1), "the recall of a label may fall by so much, by more only within noise"]
    max_calibration_rise: Annotated[
        float, In(0, 1), "the expected calibration error may rise by so much, by more only within noise"
    ]
    allow_fewer_labels: Annotated[bool, "whether a challenger may lack a label that the champion answers"]
    check_serving: Annotated[bool, "whether the challenger is loaded and asked in a real TorchServe first"]


def _model_groups() -> Mapping[str, type]:
    return {name: spec.settings for name, spec in model_specs().items()}


@dataclass(frozen=True)
class Settings:
    """All settings of a run. Build with :func:`load_settings`."""

    preset: Annotated[str, "the preset that was chosen"]
    seed: Annotated[int, In(0), "of everything random"]
    device: Annotated[str, In(one_of=("auto", "cpu", "cuda")), "where networks run; auto: a GPU if there is one"]
    precision: Annotated[
        str, In(one_of=("auto", "float32", "bfloat16")), "of the networks; auto: what the device is quickest with"
    ]
    inference: Annotated[
        str,
        In(one_of=("auto", "torch", "openvino")),
        "what computes the networks of answers; auto: OpenVINO for those stored as graphs, without a GPU",
    ]
    int8: Annotated[
        bool | None,
        "whether graphs multiply in int8 where 99 of 100 clips keep their label and the processor is quicker in it; "
        "null: those of large networks",
    ]
    compile: Annotated[
        bool | None,
        "whether networks are trained as torch.compile makes them (on a CPU with a C++ compiler); "
        "null: on CUDA, where a stage is long enough to pay for it",
    ]
    val_share: Annotated[float, In(0.01, 0.9), "of the subjects, for validation, where the data set names no split"]
    allow_shared_subjects: Annotated[
        bool, "whether a person may be on both sides of a split; figures are then too good"
    ]
    leave_out_unlabelled: Annotated[bool, "whether clips without a label are left out, and told, instead of refused"]
    media: MediaSettings
    fusion: FusionSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    models: Annotated[Mapping[str, Any], Installed(_model_groups)]  # the group of each installed model, by its name

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

    def contradictions(self, models: Collection[str] | None = None) -> list[str]:
        """What cannot be so together, in the words of the groups that know it: each may have such a method.

        Args:
            models: whose groups are asked; all by default.
        """
        problems: list[str] = []
        asked = [name for name in self.models if models is None or name in models]
        for name in [item.name for item in dataclasses.fields(self) if item.name != "models"] + asked:
            if told := getattr(getattr(self, name), "contradictions", None):
                problems.extend(told(name, self))
        if self.precision == "bfloat16" and self.device == "cpu":
            problems.append("precision: whether bfloat16 is quicker on a cpu is measured; choose auto")
        return problems

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
