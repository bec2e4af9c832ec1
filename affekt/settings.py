"""The settings of a training run: presets, overrides, and one check that reports every mistake at once."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import difflib
import hashlib
import json
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

import yaml

from affekt.errors import SettingsError

PRESETS = ("paper", "small")
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
    face_margin: Annotated[float, In(0, 1)]  # context on each side of the face box, as a share of its height
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
    pretrained: str | None  # checkpoint to start from, a path or uri
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
    iterations: Annotated[int, In(1)]  # on face images and clip faces together
    face_share: Annotated[
        float | None, In(0, 1)
    ]  # of a batch taken from face images; none: in proportion to their number
    frames_per_clip: Annotated[int, In(1)]  # frames whose probabilities are averaged to a clip's score vector
    mirror: bool  # whether a face and its mirror image are both scored, and averaged; the Bi-LSTM follows
    balanced: bool  # whether each label is drawn as often as any other
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
    iterations: Annotated[int, In(1)]
    windows_per_clip: Annotated[int, In(1)]  # windows whose probabilities are averaged
    mirror: bool
    balanced: bool
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
    val_share: Annotated[float, In(0.01, 0.9)]  # of the subjects, for validation, where the data set names no split
    media: MediaSettings
    vgg: VggSettings
    c3d: C3dSettings
    bilstm: BilstmSettings
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
        return dict(_flatten(self.to_dict()))


def digest_of(settings: Any) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a settings dataclass."""
    text = json.dumps(dataclasses.asdict(settings), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_settings(preset: str = "small", overrides: Sequence[str] = ()) -> Settings:
    """The settings of a preset with ``key=value`` overrides such as ``vgg.iterations=300``.

    Values are read as YAML, so ``null``, ``true``, ``1e-4`` and ``[1, 2]`` mean what they look like.

    Raises:
        SettingsError: names every unknown key, wrong value and contradiction.
    """
    if preset not in PRESETS:
        raise SettingsError([f"preset: unknown {preset!r}; expected one of {', '.join(PRESETS)}"])
    problems: list[str] = []
    values = _read_preset("paper")
    if preset != "paper":
        for key, value in _flatten(_read_preset(preset)):
            _assign(values, key, value, problems)
    values["preset"] = preset
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            problems.append(f"{override}: expected key=value")
            continue
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            problems.append(f"{key}: {text!r} is not a YAML value")
            continue
        # A wrong override is left out, so that the others are still checked against each other.
        trial = copy.deepcopy(values)
        found: list[str] = []
        _assign(trial, key.strip(), value, found)
        if not found:
            _build(Settings, trial, "", found)
        if not found:
            values = trial
        problems.extend(found)
    settings = _build(Settings, values, "", problems)
    if settings is not None:
        problems.extend(_contradictions(settings))
    if problems:
        raise SettingsError(problems)
    assert isinstance(settings, Settings)
    return settings


def settings_from_json(text: str) -> Settings:
    """The settings that :meth:`Settings.to_json` wrote.

    Raises:
        SettingsError: names every unknown, missing or wrong value.
    """
    problems: list[str] = []
    settings = _build(Settings, json.loads(text), "", problems)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def settings_of_stored(values: Mapping[str, Any]) -> Settings:
    """The settings that a stored model was trained with, whatever version of affekt wrote them.

    A setting that did not exist then has the value of the model's preset; one that no longer exists is left aside.

    Raises:
        SettingsError: a stored value is not one that the setting can have.
    """
    problems: list[str] = []
    preset = values.get("preset")
    current = load_settings(preset if preset in PRESETS else "paper").to_dict()
    known = set(_keys(Settings))
    for key, value in _flatten(values):
        if key in known and key != "preset":
            _assign(current, key, value, problems)
    settings = _build(Settings, current, "", problems)
    if problems:
        raise SettingsError(problems)
    assert isinstance(settings, Settings)
    return settings


def _read_preset(name: str) -> dict[str, Any]:
    text = resources.files("affekt.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    assert isinstance(values, dict)
    return values


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(_flatten(value, f"{prefix}{key}."))
        else:
            rows.append((f"{prefix}{key}", value))
    return rows


@cache
def _hints(kind: type) -> dict[str, Any]:
    # Reading the annotations takes milliseconds, and every override is checked.
    return typing.get_type_hints(kind, include_extras=True)


@cache
def _keys(kind: type, prefix: str = "") -> tuple[str, ...]:
    keys: list[str] = []
    hints = _hints(kind)
    for item in dataclasses.fields(kind):
        if dataclasses.is_dataclass(hints[item.name]):
            keys.extend(_keys(typing.cast(type, hints[item.name]), f"{prefix}{item.name}."))
        else:
            keys.append(f"{prefix}{item.name}")
    return tuple(keys)


def _assign(values: dict[str, Any], key: str, value: Any, problems: list[str]) -> None:
    known = [name for name in _keys(Settings) if name != "preset"]
    if key not in known:
        near = difflib.get_close_matches(key, known, n=3)
        problems.append(f"{key}: unknown setting" + (f"; did you mean {' or '.join(near)}?" if near else ""))
        return
    *path, last = key.split(".")
    for part in path:
        values = values[part]
    values[last] = value


def _build(kind: Any, values: Any, prefix: str, problems: list[str]) -> Any:
    """An instance of a settings dataclass from plain values, or None; mistakes are added to ``problems``."""
    if not isinstance(values, Mapping):
        problems.append(f"{prefix.rstrip('.')}: expected a group of settings, got {values!r}")
        return None
    hints = _hints(kind)
    arguments: dict[str, Any] = {}
    before = len(problems)
    for item in dataclasses.fields(kind):
        key = f"{prefix}{item.name}"
        if item.name not in values:
            problems.append(f"{key}: missing")
        elif dataclasses.is_dataclass(hints[item.name]):
            arguments[item.name] = _build(hints[item.name], values[item.name], f"{key}.", problems)
        else:
            arguments[item.name] = _checked(key, values[item.name], hints[item.name], problems)
    known = {item.name for item in dataclasses.fields(kind)}
    problems.extend(f"{prefix}{key}: unknown setting" for key in values if key not in known)
    return kind(**arguments) if len(problems) == before else None


def _checked(key: str, value: Any, hint: Any, problems: list[str]) -> Any:
    limits = In()
    if typing.get_origin(hint) is Annotated:
        hint, limits = typing.get_args(hint)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    if typing.get_origin(options[0]) is list:
        if isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
            return [float(v) for v in value]
        problems.append(f"{key}: expected a list of numbers, got {value!r}")
        return None
    wanted = options[0]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if wanted is float and isinstance(value, str):
        with contextlib.suppress(ValueError):  # YAML 1.1 reads 1e-4 as text
            value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        names = " or ".join("null" if option is type(None) else option.__name__ for option in options)
        problems.append(f"{key}: expected {names}, got {value!r}")
        return None
    if limits.one_of and value not in limits.one_of:
        problems.append(f"{key}: expected one of {', '.join(limits.one_of)}; got {value!r}")
    elif limits.low is not None and not value >= limits.low:
        problems.append(f"{key}: expected at least {limits.low}, got {value!r}")
    elif limits.high is not None and not value <= limits.high:
        problems.append(f"{key}: expected at most {limits.high}, got {value!r}")
    return value


def _contradictions(s: Settings) -> list[str]:
    problems = []
    if s.media.detector == "yunet" and not s.media.detector_model:
        problems.append("media.detector_model: the detector yunet needs its weights file")
    if s.svc.c is None and not s.svc.c_candidates:
        problems.append("svc.c: null means chosen from svc.c_candidates, which is empty")
    for name in ("vgg", "c3d", "bilstm"):
        group = getattr(s, name)
        if group.micro_batch and group.batch_size % group.micro_batch:
            problems.append(
                f"{name}.micro_batch: {group.micro_batch} does not divide {name}.batch_size {group.batch_size}"
            )
        if getattr(group, "batch_norm", False) and (group.micro_batch or group.batch_size) < 2:
            problems.append(f"{name}.batch_norm: needs two items at once, see {name}.micro_batch")
        crops = getattr(group, "crops", [1.0])
        if not crops or not all(0.1 <= share <= 1 for share in crops):
            problems.append(f"{name}.crops: expected shares from 0.1 to 1, got {crops}")
        size = getattr(group, "input_size", None)
        if size and size > s.media.face_size:
            problems.append(f"{name}.input_size: {size} is larger than media.face_size {s.media.face_size}")
    if s.precision == "bfloat16" and s.device == "cpu":
        problems.append("precision: bfloat16 is slower than float32 on a cpu; choose auto")
    return problems
