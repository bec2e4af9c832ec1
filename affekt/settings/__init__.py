"""The settings of a training run: what they are, and where they come from."""

from affekt.settings.loading import load_settings, settings_from_json, settings_of_stored
from affekt.settings.schema import (
    EvaluationSettings,
    FusionSettings,
    GateSettings,
    MediaSettings,
    Settings,
    digest_of,
)

__all__ = [
    "EvaluationSettings",
    "FusionSettings",
    "GateSettings",
    "MediaSettings",
    "Settings",
    "digest_of",
    "load_settings",
    "settings_from_json",
    "settings_of_stored",
]
