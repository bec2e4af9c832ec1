"""The weights files that detectors need, checked before any clip is."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import DataError


def check_weights(model: str) -> None:
    """Refuse detector weights that are not there.

    Raises:
        DataError: ``missing_weights``.
    """
    if not Path(model).is_file():
        raise DataError(
            "is missing; expected the weights of YuNet (face_detection_yunet_2023mar.onnx of the OpenCV Zoo), as "
            "media.detector_model names them, or media.detector=haar, which needs none",
            code="missing_weights",
            where=model,
        )
