"""Every setting with its value, where that comes from, the defaults of the presets, and what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from affekt.errors import SettingsError
from affekt.settings.loading import load_settings, read_override
from affekt.settings.old_names import present_name
from affekt.settings.presets import IMAGE_PRESETS, PRESETS, preset_layers
from affekt.settings.schema import Settings
from affekt.settings.setting import nearest, settings_of


@dataclass(frozen=True)
class Row:
    """One setting as the reference shows it.

    Attributes:
        key, value: ``group.name``, and what it is.
        origin: who says so: a preset, the preset of a model or fusion method, or an override.
        defaults: its value in each preset, by the preset's name; ``small_images`` is ``small`` for still images.
        expected: what it may be.
        meaning: in a few words.
    """

    key: str
    value: Any
    origin: str
    defaults: dict[str, Any]
    expected: str
    meaning: str


def reference(name: str = "", preset: str = "small", overrides: Sequence[str] = ()) -> list[Row]:
    """The settings that a name stands for: one, a group, or those whose keys begin with it; without one, all.

    Raises:
        SettingsError: there is none of that name, or an override is wrong or of a setting that is not asked for.
    """
    settings = settings_of(Settings)
    name = present_name(name)
    keys = [key for key in settings if key == name or key.startswith(f"{name}.")] if name else list(settings)
    keys = keys or [key for key in settings if key.startswith(name)]
    if not keys:
        raise SettingsError([f"{name}: unknown setting{nearest(name, settings)}"])
    values = load_settings(preset, overrides).flat()
    for override in overrides:
        if (key := read_override(override)[0]) not in keys:
            raise SettingsError([f"{key}: is not among the settings that {name} stands for; leave the override out"])
    origins = {key: layer.origin for layer in preset_layers(preset) for key in layer.values}
    origins |= dict.fromkeys((read_override(text)[0] for text in overrides), "override") | {"preset": "chosen"}
    defaults = {each: load_settings(each).flat() for each in PRESETS}
    defaults |= {f"{each}_images": load_settings(each, images=True).flat() for each in IMAGE_PRESETS}
    return [
        Row(
            key, values[key], origins[key], {each: flat[key] for each, flat in defaults.items()},
            settings[key].expected, settings[key].meaning,
        )
        for key in keys
    ]  # fmt: skip


def shown(value: Any) -> str:
    """A value as it is written in an override."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, list) else str(value)


def markdown() -> str:
    """The reference of all settings as a document."""
    lines = [
        "# Settings", "",
        "Written by `make reference` from the code. `affekt settings [KEY]` prints the same with the value in use and "
        "its origin; `--set key=value` changes one for a run.", "",
        "| setting | paper | small | small, still images | expected | meaning |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in reference():
        defaults = " | ".join(f"`{shown(row.defaults[each])}`" for each in ("paper", "small", "small_images"))
        lines.append(f"| `{row.key}` | {defaults} | {row.expected} | {row.meaning} |")
    return "\n".join([*lines, ""])
