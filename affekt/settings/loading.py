"""Settings from presets, overrides and stored models, with one check that reports every mistake at once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import yaml

from affekt.errors import SettingsError
from affekt.settings.old_names import RENAMED, present_name
from affekt.settings.presets import PRESETS, preset_layers
from affekt.settings.schema import Settings, flatten
from affekt.settings.setting import Setting, built, nearest, settings_of

#: What was done before there was a setting for it.
_BEFORE = {
    "media.face_side": "longer",
    "media.picture_quality": 0,
    "media.wide_size": 0,
    "media.one_level": False,
    "media.trim_silence": False,
    "svc.contours": False,
    "random_forest.contours": False,
    **{f"{model}.averaging": 0.0 for model in ("vgg", "c3d", "bilstm", "joint")},
    **{f"{model}.{name}": 0.0 for model in ("vgg", "c3d") for name in ("rotation", "erasing", "mixup")},
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


def load_settings(
    preset: str = "small",
    overrides: Sequence[str] = (),
    *,
    images: bool = False,
    models: Collection[str] | None = None,
) -> Settings:
    """The settings of a preset with ``key=value`` overrides such as ``vgg.iterations=300``.

    With ``images`` what the preset's file for still images without clips says comes between the two, if it has one.

    Values are read as YAML, so ``null``, ``true``, ``1e-4`` and ``[1, 2]`` mean what they look like.

    Args:
        preset: its name.
        overrides: each ``key=value``.
        images: whether they are for still images without clips.
        models: whose settings are looked at, so that they must not contradict others; all by default.

    Raises:
        SettingsError: names every unknown key, wrong value and contradiction.
    """
    values: dict[str, Any] = {}
    for layer in preset_layers(preset, images=images):
        values |= layer.values
    values["preset"] = preset
    problems: list[str] = []
    for override in overrides:
        # A wrong override is left out, so that the others are still checked against each other.
        try:
            key, value = read_override(override)
        except ValueError as error:
            problems.append(str(error))
        else:
            values[key] = value
    settings = _checked(values, problems)
    if settings is not None:
        problems.extend(settings.contradictions(models))
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def settings_from_json(text: str) -> Settings:
    """The settings that :meth:`Settings.to_json` wrote.

    Raises:
        SettingsError: names every unknown, missing or wrong value.
    """
    document = json.loads(text)
    if not isinstance(document, Mapping):
        raise SettingsError([f"expected groups of settings, got {document!r}"])
    problems: list[str] = []
    settings = _checked({present_name(key): value for key, value in flatten(document)}, problems)
    if settings is None:
        raise SettingsError(problems)
    return settings


def settings_of_stored(values: Mapping[str, Any]) -> Settings:
    """The settings that a stored model was trained with, whatever version of affekt wrote them.

    A setting that did not exist then has the value that says what was done then, or else that of the model's preset;
    one that no longer exists is left aside.

    Raises:
        SettingsError: a stored value is not one that the setting can have.
    """
    preset = values.get("preset")
    current = load_settings(preset if preset in PRESETS else "paper").flat()
    for key, value in [*_BEFORE.items(), *flatten(values)]:
        key = RENAMED.get(key, key)  # nobody has to be told: a stored model is not written by hand
        if key in current and key != "preset":
            current[key] = value
    problems: list[str] = []
    settings = _checked(current, problems)
    if settings is None:
        raise SettingsError(problems)
    return settings


def read_override(text: str) -> tuple[str, Any]:
    """The key and the value of ``key=value``.

    Raises:
        ValueError: it is not of that form, or there is no such setting, or it cannot have this value.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text}: expected key=value")
    setting = setting_named(key.strip())
    try:
        return setting.key, setting.read(yaml.safe_load(value))
    except yaml.YAMLError as error:
        raise ValueError(f"{setting.key}: {value!r} is not a YAML value") from error


def setting_named(key: str) -> Setting:
    """The setting that a key names, by its present or an old name.

    Raises:
        ValueError: there is none that can be set.
    """
    known = {name: setting for name, setting in settings_of(Settings).items() if name != "preset"}
    key = present_name(key)
    if key not in known:
        raise ValueError(f"{key}: unknown setting{nearest(key, known)}")
    return known[key]


def _checked(values: Mapping[str, Any], problems: list[str]) -> Settings | None:
    """The settings from values by key, each of which is checked, or None; what is wrong is added to ``problems``."""
    known = settings_of(Settings)
    wrong = _misplaced(values, known)
    read: dict[str, Any] = {}
    for key in [key for key in known if key in values]:
        try:
            read[key] = known[key].read(values[key])
        except ValueError as error:
            wrong.append(str(error))
    problems.extend(wrong)
    return None if wrong else built(Settings, read)


def _misplaced(values: Mapping[str, Any], known: Mapping[str, Setting]) -> list[str]:
    """What is missing, what is unknown, and what is a single value where a group is expected."""
    groups = {key.rpartition(".")[0] for key in known if "." in key}
    given = {key.rpartition(".")[0] for key in values}
    wrong: list[str] = []
    for key in [key for key in values if key not in known]:
        if key in groups:
            wrong.append(f"{key}: expected a group of settings, got {values[key]!r}")
        else:
            wrong.append(f"{key}: unknown setting")
    missing = [key for key in known if key not in values]
    absent = {group for group in groups - given if group not in values and group}
    wrong.extend(f"{group}: missing" for group in sorted(absent))
    wrong.extend(
        f"{key}: missing" for key in missing if (group := key.rpartition(".")[0]) not in absent and group not in values
    )
    return wrong
