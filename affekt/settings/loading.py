"""Settings from presets, overrides and stored models, with one check that reports every mistake at once."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import difflib
import json
import logging
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Any

import yaml

from affekt.errors import SettingsError
from affekt.extensions import detector_spec, fusion_specs, model_specs
from affekt.settings.fields import In
from affekt.settings.schema import FusionSettings, Settings, flatten

logger = logging.getLogger(__name__)

PRESETS = ("paper", "small")
#: Presets that say something else for still images without clips.
IMAGE_PRESETS = ("small",)


#: What was done before there was a setting for it.
_BEFORE = {
    "media.face_side": "longer",
    "fusion.random_forest.trees": 200,
    "fusion.random_forest.min_samples_split": 10,
    "fusion.adaboost.trees": 50,
    "fusion.adaboost.depth": 2,
    "fusion.adaboost.learning_rate": 0.3,
    "fusion.svm.kernel": "rbf",
    "fusion.svm.gamma": None,
    "fusion.stacking.linear_c": [0.1, 1.0],
    "fusion.stacking.offset_penalty": 5.0,
}
#: What settings were called before; they are still understood.
_RENAMED = {"fusion.svm_c": "fusion.svm.c"}


def _groups(kind: type) -> Mapping[str, type]:
    """The groups of settings that installed models and fusion methods add to a group: their names and types."""
    if kind is Settings:
        return {name: spec.settings for name, spec in model_specs().items()}
    if kind is FusionSettings:
        return {name: spec.settings for name, spec in fusion_specs().items() if spec.settings is not None}
    return {}


#: The field that holds those groups.
_HOLDERS: Mapping[type, str] = {Settings: "models", FusionSettings: "methods"}


def load_settings(preset: str = "small", overrides: Sequence[str] = (), *, images: bool = False) -> Settings:
    """The settings of a preset with ``key=value`` overrides such as ``vgg.iterations=300``.

    With ``images`` what the preset's file for still images without clips says comes between the two, if it has one.

    Values are read as YAML, so ``null``, ``true``, ``1e-4`` and ``[1, 2]`` mean what they look like.

    Raises:
        SettingsError: names every unknown key, wrong value and contradiction.
    """
    if preset not in PRESETS:
        raise SettingsError([f"preset: unknown {preset!r}; expected one of {', '.join(PRESETS)}"])
    problems: list[str] = []
    values = _read_preset("paper")
    if preset != "paper":
        for key, value in flatten(_read_preset(preset)):
            _assign(values, key, value, problems)
    if images and preset in IMAGE_PRESETS:
        for key, value in flatten(_read_preset(f"{preset}_images")):
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
        key = key.strip()
        if key in _RENAMED:
            logger.warning("%s is now called %s", key, _RENAMED[key])
        # A wrong override is left out, so that the others are still checked against each other.
        trial = copy.deepcopy(values)
        found: list[str] = []
        _assign(trial, _RENAMED.get(key, key), value, found)
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
    values = json.loads(text)
    for old, new in _RENAMED.items():
        _move(values, old, new)
    settings: Settings | None = _build(Settings, values, "", problems)
    if problems or settings is None:
        raise SettingsError(problems)
    return settings


def settings_of_stored(values: Mapping[str, Any]) -> Settings:
    """The settings that a stored model was trained with, whatever version of affekt wrote them.

    A setting that did not exist then has the value that says what was done then, or else that of the model's preset;
    one that no longer exists is left aside.

    Raises:
        SettingsError: a stored value is not one that the setting can have.
    """
    problems: list[str] = []
    preset = values.get("preset")
    current = load_settings(preset if preset in PRESETS else "paper").to_dict()
    known = set(_keys(Settings))
    for name, value in [*_BEFORE.items(), *flatten(values)]:
        key = _RENAMED.get(name, name)
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
    # Of affekt's own models and methods the preset's file speaks, with the reasons; others bring their rows with them.
    for model, spec in model_specs().items():
        if model not in values and name in spec.presets:
            values[model] = dict(spec.presets[name])
    for method, fusion in fusion_specs().items():
        if name in fusion.presets:
            values.setdefault("fusion", {}).setdefault(method, dict(fusion.presets[name]))
    return values


def _move(values: dict[str, Any], old: str, new: str) -> None:
    """Put what stands in nested values under an old key under the new one."""
    *path, last = old.split(".")
    group: Any = values
    for part in path:
        group = group.get(part) if isinstance(group, dict) else None
    if isinstance(group, dict) and last in group:
        value = group.pop(last)
        *path, last = new.split(".")
        for part in path:
            values = values.setdefault(part, {})
        values.setdefault(last, value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    # Reading the annotations takes milliseconds, and every override is checked.
    return typing.get_type_hints(kind, include_extras=True)


def _fields(kind: type) -> list[dataclasses.Field[Any]]:
    """The fields that a preset names; the one that holds the groups of what is installed is not among them."""
    return [item for item in dataclasses.fields(kind) if item.name != _HOLDERS.get(kind)]


@cache
def _keys(kind: type, prefix: str = "") -> tuple[str, ...]:
    keys: list[str] = []
    hints = _hints(kind)
    for name, group in _groups(kind).items():
        keys.extend(_keys(group, f"{prefix}{name}."))
    for item in _fields(kind):
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
    for item in _fields(kind):
        key = f"{prefix}{item.name}"
        if item.name not in values:
            problems.append(f"{key}: missing")
        elif dataclasses.is_dataclass(hints[item.name]):
            arguments[item.name] = _build(hints[item.name], values[item.name], f"{key}.", problems)
        else:
            arguments[item.name] = _checked(key, values[item.name], hints[item.name], problems)
    known = {item.name for item in _fields(kind)}
    if kind in _HOLDERS:
        groups = _groups(kind)
        arguments[_HOLDERS[kind]] = {
            name: _build(group, values[name], f"{prefix}{name}.", problems)
            for name, group in groups.items()
            if name in values
        }
        problems.extend(f"{prefix}{name}: missing" for name in groups if name not in values)
        known |= set(groups)
    problems.extend(f"{prefix}{key}: unknown setting" for key in values if key not in known)
    return kind(**arguments) if len(problems) == before else None


def _checked(key: str, value: Any, hint: Any, problems: list[str]) -> Any:
    limits = In()
    if typing.get_origin(hint) is Annotated:
        hint, limits = typing.get_args(hint)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    if options[0] == list[str]:
        if isinstance(value, list) and all(v in limits.choices for v in value):
            return value
        problems.append(f"{key}: expected a list of {', '.join(limits.choices)}, got {value!r}")
        return None
    if typing.get_origin(options[0]) is list:
        if isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value):
            if all(limits.low is None or v >= limits.low for v in value):
                return [float(v) for v in value]
            problems.append(f"{key}: expected numbers from {limits.low} on, got {value!r}")
            return None
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
    if limits.one_of and value not in limits.choices:
        problems.append(f"{key}: expected one of {', '.join(limits.choices)}; got {value!r}")
    elif limits.low is not None and not value >= limits.low:
        problems.append(f"{key}: expected at least {limits.low}, got {value!r}")
    elif limits.high is not None and not value <= limits.high:
        problems.append(f"{key}: expected at most {limits.high}, got {value!r}")
    return value


def _contradictions(s: Settings) -> list[str]:
    problems = []
    if detector_spec(s.media.detector).weights and not s.media.detector_model:
        problems.append(f"media.detector_model: the detector {s.media.detector} needs its weights file")
    if s.svc.c is None and not s.svc.c_candidates:
        problems.append("svc.c: null means chosen from svc.c_candidates, which is empty")
    if s.vgg.iterations is None and s.vgg.rounds is None:
        problems.append("vgg.iterations: null means as many as vgg.rounds says, which is null, too")
    for name, group in s.models.items():
        if not hasattr(group, "micro_batch"):
            continue
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
