"""Where values of settings come from: layers, each of which says something else than those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from affekt.errors import SettingsError
from affekt.extensions import fusion_specs, model_specs
from affekt.settings.schema import flatten

PRESETS = ("paper", "small")
#: Presets that say something else for still images without clips.
IMAGE_PRESETS = ("small",)

# Both are safe. libyaml's reads the paper's figures in 1 ms instead of 8, but not every build of PyYAML has it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Layer:
    """Values by the keys of their settings, and the words that say who says so."""

    origin: str
    values: Mapping[str, Any]


def preset_layers(preset: str, *, images: bool = False) -> list[Layer]:
    """The layers of a preset: ``paper``, what the preset says else, and with ``images`` what it says for still images.

    Of affekt's own models and methods the preset's file speaks, with the reasons; others bring their rows with them.

    Raises:
        SettingsError: there is no such preset.
    """
    if preset not in PRESETS:
        raise SettingsError([f"preset: unknown {preset!r}; expected one of {', '.join(PRESETS)}"])
    files = list(dict.fromkeys(["paper", preset]))
    if images and preset in IMAGE_PRESETS:
        files.append(f"{preset}_images")
    found = {name: spec.optional for name, spec in model_specs().items()}
    optional = [name for name, where in found.items() if where is True or (where and preset in where)]
    layers = [Layer("the specs of the models", {"fusion.optional": optional})]
    for file in files:
        values = _read(file)
        layers.append(Layer(f"preset {file}", dict(flatten(values))))
        for model, spec in model_specs().items():
            if model not in values and file in spec.presets:
                layers.append(Layer(f"preset {file} of the model {model}", dict(flatten({model: spec.presets[file]}))))
        for method, fusion in fusion_specs().items():
            if method not in values.get("fusion", {}) and file in fusion.presets:
                rows = flatten({"fusion": {method: fusion.presets[file]}})
                layers.append(Layer(f"preset {file} of the fusion method {method}", dict(rows)))
    return layers


def _read(name: str) -> dict[str, Any]:
    text = resources.files("affekt.presets").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506
    return values
