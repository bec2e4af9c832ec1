"""OpenCV's boosted cascade for frontal faces; needs no weights file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.extensions.detector import DetectorSpec
from affekt.media.boxes import Box, Found, closeness
from affekt.media.detectors import SMALLEST
from affekt.settings import MediaSettings

if TYPE_CHECKING:
    from affekt.media.view import View


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
        self._cascade = cascade("frontalface_alt2")
        self._eye = cascade("eye")

    def search(self, view: View) -> list[Found]:
        least = max(20, round(SMALLEST * min(view.size)))
        squares, votes = self._cascade.detectMultiScale2(
            view.grey, scaleFactor=1.15, minNeighbors=3, minSize=(least, least)
        )
        return self._in_order(squares, votes)

    def search_near(self, view: View, box: Box) -> Found | None:
        side = box.width / self._WIDTH
        scale = min(1.0, self._NEAR_SIDE / side)
        centre_x, centre_y = box.centre
        reach = max(0.7 * side, 0.5 * side + 12)  # small faces move farther for their size
        left, top = max(0, int(centre_x - reach)), max(0, int(centre_y - reach))
        right, bottom = max(0, int(centre_x + reach) + 1), max(0, int(centre_y + reach) + 1)
        if min(min(right, view.size[0]) - left, min(bottom, view.size[1]) - top) * scale < 20:
            return None
        part = view.part(left, top, right, bottom, scale)
        least, most = max(20, int(side * scale / 1.25)), int(side * scale * 1.25) + 1
        squares, votes = self._cascade.detectMultiScale2(
            part, scaleFactor=1.07, minNeighbors=2, minSize=(least, least), maxSize=(most, most)
        )
        best: Found | None = None
        for seen in self._in_order(squares, votes):
            found = Found(seen.box.scaled(1 / scale).moved(left, top), seen.score)
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

    def _in_order(self, squares: Any, votes: Any) -> list[Found]:
        """The surest first: OpenCV's threads give the same faces now in one order, now in another."""
        found = [Found(self._box(*square), self._score(count)) for square, count in zip(squares, votes, strict=True)]
        return sorted(found, key=lambda face: (-face.score, face.box))

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
        return int(votes) / (int(votes) + 8)


def cascade(name: str) -> Any:
    """One of the cascades that come with OpenCV, as ``frontalface_alt2``."""
    import cv2  # the settings read this file's spec, and need no OpenCV

    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / f"haarcascade_{name}.xml"))


def build(settings: MediaSettings) -> Haar:
    """The detector; no setting changes it."""
    return Haar()


SPEC = DetectorSpec("haar", "OpenCV's frontal-face cascade", build)
