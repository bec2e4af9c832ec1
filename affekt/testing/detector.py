"""Checks a face detector by the contract of :class:`affekt.extensions.DetectorSpec`, on pictures made for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from affekt.extensions import detector_spec
from affekt.media.arrays import clip_of_arrays
from affekt.media.boxes import Box, Found, overlap
from affekt.media.decode import decode
from affekt.media.detectors import Detector
from affekt.media.frames import Frames
from affekt.media.view import View
from affekt.settings import MediaSettings, load_settings
from affekt.testing.conformance import require, require_spec

#: Where the face of the photograph is, from the chin to the upper forehead, in its pixels.
_FACE = Box(176, 53, 98, 130)
#: Where the photograph's corner is in the two pictures with a face.
_OFFSETS = ((60, 0), (120, -40))


def check_detector(name: str, weights: str | Path | None = None) -> None:
    """Show pictures to an installed detector, and hold it to its contract.

    The spec's module is light to import; on a blank picture, on noise and on one of a few pixels it finds nothing and
    does not fail; a face in a photograph is found where it is, with a score from 0 to 1, in a box of affekt's
    convention (from the chin to the upper forehead, from cheek to cheek); it finds the face again near its box and
    confirms it; it leaves pictures as they were; and what it finds does not hang on what it was shown before.

    Args:
        name: of the detector.
        weights: its weights file, where it needs one.

    Raises:
        ConformanceError: the first promise that is not kept.
        DataError: the weights file is missing or damaged.
    """
    spec = detector_spec(name)
    who = f"detector {name!r}"
    require_spec("detector", name, who)
    require(bool(weights) or not spec.weights, who, f"it needs {spec.weights}: give them to the check")
    model = str(weights) if spec.weights else None
    settings = replace(load_settings("small").media, detector=name, detector_model=model)
    detector: Detector = spec.build(settings)
    for method in ("search", "search_near", "confirms"):
        require(callable(getattr(detector, method, None)), who, f"what it builds should have a method {method}")
    _check_nothing(detector, settings, who)
    found = _check_face(detector, settings, who)
    require(
        _found(spec.build(settings), _scene(settings), 0) == found,
        who,
        "the same picture should always give the same faces, whatever came before it and whoever is asked",
    )


def _check_nothing(detector: Detector, settings: MediaSettings, who: str) -> None:
    rng = np.random.default_rng(0)
    pictures = {
        "a black picture": np.zeros((240, 320, 3), np.uint8),
        "a grey picture": np.full((240, 320, 3), 128, np.uint8),
        "a picture of noise": rng.integers(0, 255, (240, 320, 3), dtype=np.uint8),
        "a picture of 16 pixels": np.full((4, 4, 3), 90, np.uint8),
        "a picture like a ribbon": np.full((16, 640, 3), 90, np.uint8),
    }
    for what, picture in pictures.items():
        view = View(_frames([picture], settings), 0, settings.detection_height)
        found = detector.search(view)
        require(list(found) == [], who, f"in {what} it should find no face, found {found}")
        near = detector.search_near(view, Box(2, 2, view.size[0] / 2, view.size[1] / 2))
        require(near is None, who, f"in {what} it should find no face near a box, found {near}")


def _check_face(detector: Detector, settings: MediaSettings, who: str) -> list[Found]:
    frames = _scene(settings)
    first: list[Found] = []
    for number, (left, top) in enumerate(_OFFSETS):
        view = View(frames, number, settings.detection_height)
        before = view.grey.copy()
        found = list(detector.search(view))
        first = first or found
        require(bool(found), who, "it should find the one face of a photograph, and found none")
        best = max(found, key=lambda item: item.score)
        require(
            isinstance(best, Found) and isinstance(best.box, Box) and all(0 <= item.score <= 1 for item in found),
            who,
            f"it should give Found(Box, score) with a score from 0 to 1, gave {best}",
        )
        true = _FACE.moved(left, top).scaled(view.size[0] / 640)
        shared = overlap(best.box, true)
        require(
            shared >= 0.5, who, f"the box {best.box} should be that of the face, {true}; they overlap by {shared:.2f}"
        )
        require(detector.confirms(view, best) is True, who, "it should confirm the face that it found")
        for right, down in ((0, 0), (4, -3)):
            near = detector.search_near(view, best.box.moved(right, down))
            require(
                near is not None and overlap(near.box, best.box) > 0.5,
                who,
                f"it should find the face again near its box, found {near}",
            )
        require(bool(np.array_equal(view.grey, before)), who, "it should leave the picture as it was")
    return first


def _found(detector: Detector, frames: Frames, number: int) -> list[Found]:
    return list(detector.search(View(frames, number, load_settings("small").media.detection_height)))


def _scene(settings: MediaSettings) -> Frames:
    """A photograph with one face in two places of a larger picture."""
    from skimage import data  # scikit-image reads files when it is imported; only this check needs its photograph

    photograph = np.asarray(data.astronaut())
    pictures = []
    for left, top in _OFFSETS:
        picture = np.full((480, 640, 3), 110, np.uint8)
        part = photograph[max(0, -top) : 480 - top, : 640 - left]
        picture[max(0, top) : max(0, top) + len(part), left : left + part.shape[1]] = part[:480]
        pictures.append(picture)
    return _frames(pictures, settings)


def _frames(pictures: list[np.ndarray], settings: MediaSettings) -> Frames:
    with clip_of_arrays(np.stack(pictures), 25) as path:
        return decode(path, settings).frames
