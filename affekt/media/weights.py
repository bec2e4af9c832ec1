"""The weights files that detectors need, checked before any clip is."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import DataError
from affekt.extensions import detector_spec
from affekt.settings import MediaSettings


def check_weights(settings: MediaSettings) -> None:
    """Refuse a detector whose weights are not there.

    Raises:
        DataError: ``missing_weights``.
    """
    model = settings.detector_model or ""
    if not Path(model).is_file():
        expected = detector_spec(settings.detector).weights or "a file"
        raise DataError(
            f"is missing; expected {expected}, as media.detector_model names them, or media.detector=haar, which "
            "needs none",
            code="missing_weights",
            where=model,
        )
