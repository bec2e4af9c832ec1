"""Face detectors, one a file with its spec: a picture in, boxes of one convention out, whatever the back end finds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Protocol

from affekt.extensions import detector_spec
from affekt.media.boxes import Box, Found
from affekt.settings import MediaSettings

if TYPE_CHECKING:
    from affekt.media.view import View

#: The smallest face that is searched for, as a share of the short side of the detection picture.
SMALLEST = 0.1


class Detector(Protocol):
    """A face detector; boxes are in pixels of the view."""

    def search(self, view: View) -> list[Found]:
        """All faces in the picture."""

    def search_near(self, view: View, box: Box) -> Found | None:
        """The face that was last seen in this box, looked for less strictly and only about there."""

    def confirms(self, view: View, found: Found) -> bool:
        """Whether a second, independent look says that this is a face."""


def detector_for(settings: MediaSettings) -> Detector:
    """The detector that the settings name; one per process, since it is reused for every clip.

    Raises:
        DataError: no installed package offers it, or its weights file is missing or damaged.
    """
    return _detector(settings)


@cache
def _detector(settings: MediaSettings) -> Detector:
    built: Detector = detector_spec(settings.detector).build(settings)
    return built
