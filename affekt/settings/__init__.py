"""The settings of a training run: what they are, and where they come from."""

from affekt.settings.loading import load_settings, settings_from_json, settings_of_stored
from affekt.settings.schema import (
    FUSION_METHODS,
    BilstmSettings,
    C3dSettings,
    EvaluationSettings,
    FusionSettings,
    GateSettings,
    MediaSettings,
    RandomForestSettings,
    Settings,
    SvcSettings,
    VggSettings,
    digest_of,
)

__all__ = [
    "FUSION_METHODS",
    "BilstmSettings",
    "C3dSettings",
    "EvaluationSettings",
    "FusionSettings",
    "GateSettings",
    "MediaSettings",
    "RandomForestSettings",
    "Settings",
    "SvcSettings",
    "VggSettings",
    "digest_of",
    "load_settings",
    "settings_from_json",
    "settings_of_stored",
]
