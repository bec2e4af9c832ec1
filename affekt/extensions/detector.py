"""All that the system needs to know of a face detector in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from affekt.errors import AffektError
from affekt.extensions.found import extension, extension_names


@dataclass(frozen=True)
class DetectorSpec:
    """A face detector: one picture in, boxes of one convention out.

    A package offers one under the entry point group ``affekt.detectors``; :func:`affekt.testing.check_detector` checks
    it. The module that holds the spec is imported whenever settings name it, so that what is heavy (OpenCV, torch) is
    imported inside ``build``.

    Attributes:
        name: in settings (``media.detector``) and stores; ``snake_case``.
        title: for people.
        build: gives an :class:`affekt.media.detectors.Detector` from :class:`affekt.settings.MediaSettings`; it is
            built once in a process for the same settings.
        weights: the file that ``media.detector_model`` has to name, in words; ``""`` where it needs none.
        version: raised when it comes to find other boxes in the same picture: clips are then prepared anew.
    """

    name: str
    title: str
    build: Callable[[Any], Any]
    weights: str = ""
    version: int = 1


def detector_names() -> tuple[str, ...]:
    """The names of all installed detectors."""
    return extension_names("detector")


@cache
def detector_spec(name: str) -> DetectorSpec:
    """The spec of a detector; no other is imported.

    Raises:
        DataError: ``unknown_detector``: no installed package offers it.
        AffektError: the spec bears another name than its entry point.
    """
    spec: DetectorSpec = extension("detector", name)
    if spec.name != name:
        raise AffektError(f"the detector {spec.name!r} is offered under the name {name!r}", code="extension_broken")
    return spec
