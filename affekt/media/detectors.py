"""Face detectors: one picture in, boxes of one convention out, whatever the back end calls a face box."""

from __future__ import annotations

from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np

from affekt.errors import DataError
from affekt.media.frames import Frames
from affekt.media.weights import check_weights
from affekt.settings import MediaSettings

#: The smallest face that is searched for, as a share of the short side of the detection picture.
SMALLEST = 0.1


class Box(NamedTuple):
    """A face: from the chin to the upper forehead, from cheek to cheek (the convention of WIDER FACE), in pixels."""

    left: float
    top: float
    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.left + self.width / 2, self.top + self.height / 2

    def scaled(self, factor: float) -> Box:
        return Box(self.left * factor, self.top * factor, self.width * factor, self.height * factor)

    def moved(self, right: float, down: float) -> Box:
        return Box(self.left + right, self.top + down, self.width, self.height)


class Found(NamedTuple):
    """A detected face and how sure the detector is, from 0 to 1."""

    box: Box
    score: float


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    wide = min(first.left + first.width, second.left + second.width) - max(first.left, second.left)
    high = min(first.top + first.height, second.top + second.height) - max(first.top, second.top)
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (first.width * first.height + second.width * second.height - both)


def closeness(first: Box, second: Box) -> float:
    """How well two boxes may be one face a few frames apart: 1 for the same box, 0 and less for different faces."""
    size = (first.width * first.height * second.width * second.height) ** 0.25
    grown = (first.width * first.height) / (second.width * second.height)
    if size == 0 or not 0.45 < grown < 2.2:
        return 0.0
    away = float(np.hypot(first.centre[0] - second.centre[0], first.centre[1] - second.centre[1]))
    nearness: float = 1.0 - away / (0.7 * size)
    return nearness


class View:
    """One frame at the size at which faces are searched."""

    def __init__(self, frames: Frames, number: int, height: int) -> None:
        self._frames, self._number = frames, number
        short = min(frames.width, frames.height)
        #: Detection pixels per picture pixel; pictures are never enlarged.
        self.scale = min(1.0, height / short)
        self.size = (max(1, round(frames.width * self.scale)), max(1, round(frames.height * self.scale)))

    @cached_property
    def grey(self) -> np.ndarray:
        """uint8 ``[h, w]``."""
        luma = self._frames.luma(self._number)
        return luma if self.scale == 1 else cv2.resize(luma, self.size, interpolation=cv2.INTER_AREA)

    @cached_property
    def bgr(self) -> np.ndarray:
        """uint8 ``[h, w, 3]``, in OpenCV's order."""
        blue, red = (cv2.resize(plane, self.size) for plane in self._frames.chroma(self._number))
        return cv2.cvtColor(cv2.merge([self.grey, red, blue]), cv2.COLOR_YCrCb2BGR)

    def sharp(self, box: Box, width: int) -> np.ndarray:
        """A part of the picture at its full resolution, scaled to this width, uint8 ``[h, width]``."""
        left, top, wide, high = box.scaled(1 / self.scale)
        luma = self._frames.luma(self._number)
        part = luma[max(0, int(top)) : max(1, int(top + high)), max(0, int(left)) : max(1, int(left + wide))]
        if 0 in part.shape:
            return np.zeros((width, width), np.uint8)
        size = (width, max(1, round(width * part.shape[0] / part.shape[1])))
        return cv2.resize(part, size, interpolation=cv2.INTER_AREA if part.shape[1] > width else cv2.INTER_LINEAR)


class Detector(Protocol):
    """A face detector; boxes are in pixels of the view."""

    def search(self, view: View) -> list[Found]:
        """All faces in the picture."""

    def search_near(self, view: View, box: Box) -> Found | None:
        """The face that was last seen in this box, looked for less strictly and only about there."""

    def confirms(self, view: View, found: Found) -> bool:
        """Whether a second, independent look says that this is a face."""


class Haar:
    """OpenCV's boosted cascade (Viola and Jones 2001; Lienhart and Maydt 2002), frontal faces; needs no weights file.

    Its square is mapped to the common box by factors fitted to YuNet's boxes (medians over the speakers of a set of
    talking heads; IoU of the mapped box with YuNet's: median 0.90, 5th percentile 0.80).

    A cascade also fires on patterned cloth and the like, frame after frame in the same place. Such places get few votes
    and have no eyes, so that a face is confirmed by many votes, or by a cascade for eyes in its upper half.
    """

    _DOWN, _WIDTH, _HEIGHT = 0.036, 0.753, 1.176
    _SURE = 0.65  # faces of a talking head score 0.69 and more, patterned cloth 0.30 to 0.46
    _EYES_WIDTH = 96
    _NEAR_SIDE = 80  # a face of this many pixels is found as exactly as a larger one, in less time

    def __init__(self) -> None:
        self._cascade = _cascade("frontalface_alt2")
        self._eye = _cascade("eye")

    def search(self, view: View) -> list[Found]:
        least = max(20, round(SMALLEST * min(view.size)))
        squares, votes = self._cascade.detectMultiScale2(
            view.grey, scaleFactor=1.15, minNeighbors=3, minSize=(least, least)
        )
        return [
            Found(self._box(*square), self._score(int(count))) for square, count in zip(squares, votes, strict=True)
        ]

    def search_near(self, view: View, box: Box) -> Found | None:
        side = box.width / self._WIDTH
        scale = min(1.0, self._NEAR_SIDE / side)
        centre_x, centre_y = box.centre
        reach = max(0.7 * side, 0.5 * side + 12)  # small faces move farther for their size
        left, top = max(0, int(centre_x - reach)), max(0, int(centre_y - reach))
        part = view.grey[top : max(0, int(centre_y + reach) + 1), left : max(0, int(centre_x + reach) + 1)]
        if min(part.shape) * scale < 20:
            return None
        size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        least, most = max(20, int(side * scale / 1.25)), int(side * scale * 1.25) + 1
        squares, votes = self._cascade.detectMultiScale2(
            part, scaleFactor=1.07, minNeighbors=2, minSize=(least, least), maxSize=(most, most)
        )
        best: Found | None = None
        for square, count in zip(squares, votes, strict=True):
            found = Found(self._box(*square).scaled(1 / scale).moved(left, top), self._score(int(count)))
            if closeness(found.box, box) > 0 and (best is None or found.score > best.score):
                best = found
        return best

    def confirms(self, view: View, found: Found) -> bool:
        if found.score >= self._SURE:
            return True
        left, top, width, height = found.box
        eyes = view.sharp(Box(left - 0.1 * width, top + 0.1 * height, 1.2 * width, 0.5 * height), self._EYES_WIDTH)
        least = self._EYES_WIDTH // 6
        return len(self._eye.detectMultiScale(eyes, scaleFactor=1.1, minNeighbors=2, minSize=(least, least))) > 0

    def _box(self, left: float, top: float, side: float, _: float) -> Box:
        width, height = side * self._WIDTH, side * self._HEIGHT
        return Box(
            float(left + (side - width) / 2),
            float(top + side * (0.5 + self._DOWN) - height / 2),
            float(width),
            float(height),
        )

    @staticmethod
    def _score(votes: int) -> float:
        return votes / (votes + 8)


class YuNet:
    """The YuNet network (Wu, Peng and Yu 2023) through OpenCV; ``media.detector_model`` names its weights file."""

    def __init__(self, model: str) -> None:
        check_weights(model)
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

    def _all(self, view: View) -> list[Found]:
        self._network.setInputSize(view.size)
        _, rows = self._network.detect(view.bgr)
        least = 0.6 * SMALLEST * min(view.size)  # its boxes are narrower than a Haar square
        if rows is None:
            return []
        return [Found(Box(*map(float, row[:4])), float(row[14])) for row in rows if row[2] >= least]


def detector_for(settings: MediaSettings) -> Detector:
    """The detector that the settings name; one per process, since it is reused for every clip."""
    return _detector(settings.detector, settings.detector_model)


@cache
def _detector(name: str, model: str | None) -> Detector:
    return YuNet(str(model)) if name == "yunet" else Haar()


def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))
