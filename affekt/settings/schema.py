"""What the settings of a training run are: their groups, types and limits."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from affekt.members import MEMBERS

FUSION_METHODS = (
    "average",
    "weighted_average",
    "maximum",
    "highest_confidence",
    "random_forest",
    "adaboost",
    "svm",
    "stacking",
)


@dataclass(frozen=True)
class In:
    """Limits of a setting: a closed range, or the list of what it may be."""

    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class MediaSettings:
    """How a clip file becomes face crops, sound and functionals."""

    face_size: Annotated[int, In(32, 512)]  # side of the stored square face crop, pixels
    face_margin: Annotated[float, In(0, 1)]  # context on each side, as a share of that side
    face_side: Annotated[
        str, In(one_of=("area", "longer"))
    ]  # of the face box: the mean one, by its area, or the longer
    detector: Annotated[str, In(one_of=("haar", "yunet"))]
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
class VggSettings:
    """VGG-16 on face images and clip faces (paper.md, sections 3.2 and 4.3.2)."""

    width: Annotated[float, In(0.01, 1)]  # share of the published channel and unit numbers
    input_size: Annotated[int, In(32, 224)]  # side of the network's input, pixels
    crops: list[float]  # sides of the crops to learn from, as shares of the stored picture's; the first is scored
    batch_norm: bool
    dropout: Annotated[float, In(0, 0.99)]
    pretrained: str | None  # weights to start from: a name that `affekt weights list` shows, a path or a uri
    batch_size: Annotated[int, In(1)]
    micro_batch: Annotated[
        int | None, In(1)
    ]  # images on the device at once; gradients are accumulated up to batch_size
    learning_rate: Annotated[float, In(1e-8, 10)]
    momentum: Annotated[float, In(0, 0.999)]
    weight_decay: Annotated[float, In(0, 1)]
    step_every: Annotated[int, In(1)]  # iterations from one decrease of the learning rate to the next
    step_factor: Annotated[float, In(0.0001, 1)]
    schedule: Annotated[str, In(one_of=("step", "cosine"))]  # how the learning rate falls over a stage's iterations
    warmup: Annotated[int, In(0)]  # iterations over which the learning rate first rises
    base_iterations: Annotated[int, In(0)]  # on face images alone, once, before any clip is seen
    base_learning_rate: Annotated[float, In(1e-8, 10)]  # of those
    iterations: Annotated[int | None, In(1)]  # on face images and clip faces together; none: as many as rounds says
    rounds: Annotated[int | None, In(1)]  # through the face images, where there are no clips and iterations is none
    face_share: Annotated[
        float | None, In(0, 1)
    ]  # of a batch taken from face images; none: in proportion to their number
    frames_per_clip: Annotated[int, In(1)]  # frames whose probabilities are averaged to a clip's score vector
    mirror: bool  # whether a face and its mirror image are both scored, and averaged; the Bi-LSTM follows
    balanced: bool  # whether each label is drawn as often as any other
    class_weights: bool  # whether a label's losses are weighted by the inverse of how often it is drawn
    label_smoothing: Annotated[float, In(0, 0.5)]


@dataclass(frozen=True)
class C3dSettings:
    """C3D on windows of consecutive frames (paper.md, sections 3.1.1 and 4.3.1)."""

    width: Annotated[float, In(0.01, 1)]
    input_size: Annotated[int, In(32, 224)]
    crops: list[float]
    window: Annotated[int, In(16, 16)]  # frames; the published network's
    batch_norm: bool
    dropout: Annotated[float, In(0, 0.99)]
    pretrained: str | None
    batch_size: Annotated[int, In(1)]
    micro_batch: Annotated[int | None, In(1)]
    learning_rate: Annotated[float, In(1e-8, 10)]
    momentum: Annotated[float, In(0, 0.999)]
    weight_decay: Annotated[float, In(0, 1)]
    step_every: Annotated[int, In(1)]
    step_factor: Annotated[float, In(0.0001, 1)]
    schedule: Annotated[str, In(one_of=("step", "cosine"))]
    warmup: Annotated[int, In(0)]
    base_iterations: Annotated[int, In(0)]  # on face images alone, and a twentieth of that on them as drifting windows
    base_learning_rate: Annotated[float, In(1e-8, 10)]  # of those
    iterations: Annotated[int, In(1)]
    windows_per_clip: Annotated[int, In(1)]  # windows whose probabilities are averaged
    mirror: bool
    balanced: bool
    class_weights: bool
    label_smoothing: Annotated[float, In(0, 0.5)]


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


@dataclass(frozen=True)
class RandomForestSettings:
    """Random forest on the 88 functionals (paper.md, section 4.2.2)."""

    trees: Annotated[int, In(1)]
    min_samples_split: Annotated[int, In(2)]


@dataclass(frozen=True)
class SvcSettings:
    """Support vector classifier on the 88 functionals (paper.md, section 4.2.2)."""

    c: Annotated[float | None, In(1e-12)]  # none: chosen from c_candidates by cross-validation grouped by subject
    c_candidates: list[float]
    tolerance: Annotated[float, In(1e-9)]
    kernel: Annotated[str, In(one_of=("linear", "rbf"))]
    standardise: bool


@dataclass(frozen=True)
class FusionSettings:
    """How score vectors become one (paper.md, sections 3.3 and 4.4)."""

    method: Annotated[str, In(one_of=FUSION_METHODS)]
    scores: Annotated[str, In(one_of=("out_of_fold", "held_out"))]  # which scores a trained fusion is fitted on
    folds: Annotated[int, In(2, 50)]  # grouped by subject
    on_trial: Annotated[
        list[str], In(one_of=MEMBERS)
    ]  # models that are fused only if that raises the accuracy on train subjects that they did not see
    held_out_share: Annotated[float, In(0.05, 0.9)]  # of the training subjects, for ``held_out``
    svm_c: Annotated[float, In(1e-12)]


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
    vgg: VggSettings
    c3d: C3dSettings
    bilstm: BilstmSettings
    joint: JointSettings
    random_forest: RandomForestSettings
    svc: SvcSettings
    fusion: FusionSettings
    evaluation: EvaluationSettings
    gate: GateSettings

    def to_dict(self) -> dict[str, Any]:
        """The settings as nested plain dictionaries."""
        return dataclasses.asdict(self)

    def to_json(self) -> str:
        """The settings as JSON with sorted keys; :func:`settings_from_json` reads it."""
        return json.dumps(self.to_dict(), sort_keys=True)

    def flat(self) -> dict[str, Any]:
        """``{"vgg.width": 1.0, …}``, the form in which runs log them."""
        return dict(flatten(self.to_dict()))


def digest_of(settings: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a settings dataclass."""
    text = json.dumps(dataclasses.asdict(settings), sort_keys=True)
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
