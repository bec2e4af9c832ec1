"""The limits on media files that may be other for an answer than they were in training: they change no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from affekt.errors import SettingsError
from affekt.settings.loading import load_settings
from affekt.settings.schema import MediaSettings

#: What only says which files are refused.
LIMITS = ("max_bytes", "max_seconds", "max_pixels", "timeout_seconds")


def with_limits(media: MediaSettings, overrides: Sequence[str]) -> MediaSettings:
    """Media settings with other limits, as ``media.max_seconds=600``.

    Raises:
        SettingsError: one is no limit, or not a possible value.
    """
    allowed = [f"media.{name}" for name in LIMITS]
    wrong = [text for text in overrides if text.partition("=")[0].strip() not in allowed]
    if wrong:
        raise SettingsError(
            [f"{text}: an answer follows the settings that the model was trained with, but for the limits "
             f"{', '.join(allowed)}" for text in wrong]
        )  # fmt: skip
    given = load_settings("small", overrides).media
    named = {text.partition("=")[0].strip().removeprefix("media.") for text in overrides}
    return replace(media, **{name: getattr(given, name) for name in named})
