"""The YuNet network through OpenCV; ``media.detector_model`` names its weights file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from affekt.errors import DataError
from affekt.extensions.detector import DetectorSpec
from affekt.media.boxes import Box, Found, closeness
from affekt.media.detectors import SMALLEST
from affekt.media.weights import check_weights
from affekt.settings import MediaSettings

if TYPE_CHECKING:
    from affekt.media.view import View


#: Pixels that a picture has at least on each side. With 32 and less, one row of the coarsest cells, OpenCV 4.14
#: reads memory that it has not written: the same picture then shows another face, or an infinite one, at each call.
LEAST_SIDE = 64


class YuNet:
    """The YuNet network (Wu, Peng and Yu 2023) through OpenCV; ``media.detector_model`` names its weights file."""

    def __init__(self, model: str) -> None:
        import cv2  # the settings read this file's spec, and need no OpenCV

        try:
            self._network = cv2.FaceDetectorYN.create(model, "", (320, 240), 0.4, 0.3, 500)
        except cv2.error as error:
            raise DataError(f"is not YuNet's weights file ({error.err})", code="damaged", where=model) from error

    def search(self, view: View) -> list[Found]:
        return [found for found in self._all(view) if found.score >= 0.7]

    def search_near(self, view: View, box: Box) -> Found | None:
        near = [found for found in self._all(view) if closeness(found.box, box) > 0]
        return max(near, key=lambda found: found.score * closeness(found.box, box), default=None)

    def confirms(self, view: View, found: Found) -> bool:
        return found.score >= 0.7

    def _detected(self, picture: np.ndarray) -> tuple[int, np.ndarray | None]:
        """The network's answer to a picture uint8 ``[h, w, 3]``, which is enlarged by black where it is too small."""
        import cv2  # as above

        height, width = picture.shape[:2]
        below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
        picture = cv2.copyMakeBorder(picture, 0, below, 0, right, cv2.BORDER_CONSTANT)
        self._network.setInputSize((width + right, height + below))
        answer: tuple[int, np.ndarray | None] = self._network.detect(picture)
        return answer

    def _all(self, view: View) -> list[Found]:
        _, rows = self._detected(view.bgr)
        least = 0.6 * SMALLEST * min(view.size)  # its boxes are narrower than a Haar square
        if rows is None:
            return []
        return [Found(Box(*map(float, row[:4])), float(row[14])) for row in rows if row[2] >= least]


def build(settings: MediaSettings) -> YuNet:
    """The network of the weights file that the settings name.

    Raises:
        DataError: the file is missing or damaged.
    """
    check_weights(settings)
    return YuNet(str(settings.detector_model))


SPEC = DetectorSpec(
    "yunet", "YuNet", build, weights="the weights of YuNet (face_detection_yunet_2023mar.onnx of the OpenCV Zoo)"
)
