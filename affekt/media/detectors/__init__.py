"""Face detectors, one a file with its spec: a picture in, boxes of one convention out, whatever the back end finds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from affekt.extensions import detector_spec
from affekt.media.boxes import Box, Found
from affekt.settings import MediaSettings

if TYPE_CHECKING:
    from affekt.media.view import View

#: The smallest face that is searched for, as a share of the short side of the detection picture.
SMALLEST = 0.1
_own = threading.local()


class Detector(Protocol):
    """A face detector; boxes are in pixels of the view."""

    def search(self, view: View) -> list[Found]:
        """All faces in the picture."""

    def search_near(self, view: View, box: Box) -> Found | None:
        """The face that was last seen in this box, looked for less strictly and only about there."""

    def confirms(self, view: View, found: Found) -> bool:
        """Whether a second, independent look says that this is a face."""


def detector_for(settings: MediaSettings) -> Detector:
    """The detector that the settings name; one per thread, since it is reused for every clip.

    OpenCV's detectors keep what they work on in themselves, so that two threads must not share one.

    Raises:
        DataError: no installed package offers it, or its weights file is missing or damaged.
    """
    kept: dict[MediaSettings, Detector] | None = getattr(_own, "detectors", None)
    if kept is None:
        kept = _own.detectors = {}
    if settings not in kept:
        kept[settings] = detector_spec(settings.detector).build(settings)
    return kept[settings]
