"""OpenCV's first cascade for frontal faces, of stumps where affekt's own is of trees (Lienhart and Maydt 2002)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from affekt.extensions import DetectorSpec
from affekt.media.boxes import Box, Found, closeness

if TYPE_CHECKING:
    import numpy as np

    from affekt.media.view import View
    from affekt.settings import MediaSettings

#: The face's box in the square that the cascade finds: its width and height, and how far below the middle it lies.
_WIDTH, _HEIGHT, _DOWN = 0.8, 1.1, 0.04
#: The side of the squares that the cascade learned from, below which it finds nothing.
_LEAST = 24
#: The score of as many overlapping squares as a face has at least.
_SURE = 0.5


class StumpCascade:
    """A detector of frontal faces; no setting changes it."""

    def __init__(self) -> None:
        import cv2

        self._cascade = cv2.CascadeClassifier(
            str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml")
        )

    def search(self, view: View) -> list[Found]:
        """All faces in the picture."""
        return self._faces(view.grey, max(_LEAST, min(view.size) // 10), max(view.size))

    def search_near(self, view: View, box: Box) -> Found | None:
        """In a part of three times the box, of faces about as large the one that is nearest to it."""
        left, top = max(0, int(box.left - box.width)), max(0, int(box.top - box.height))
        part = view.part(left, top, int(box.left + 2 * box.width), int(box.top + 2 * box.height), 1.0)
        side = box.width / _WIDTH
        if not part.size or min(part.shape) < _LEAST:
            return None
        faces = self._faces(part, max(_LEAST, int(0.8 * side)), max(_LEAST, int(1.25 * side)))
        near = [Found(face.box.moved(left, top), face.score) for face in faces]
        near = [face for face in near if closeness(face.box, box) > 0]
        return max(near, key=lambda found: closeness(found.box, box), default=None)

    def confirms(self, view: View, found: Found) -> bool:
        """Whether enough squares lie over one another."""
        return found.score >= _SURE

    def _faces(self, picture: np.ndarray, least: int, most: int) -> list[Found]:
        squares, votes = self._cascade.detectMultiScale2(
            picture, scaleFactor=1.1, minNeighbors=4, minSize=(least, least), maxSize=(most, most)
        )
        found = [
            Found(_box(*map(float, square)), float(count) / (float(count) + 8))
            for square, count in zip(squares, votes, strict=True)
        ]
        return sorted(found, key=lambda face: (-face.score, face.box))  # threads give them in any order


def _box(left: float, top: float, side: float, _: float) -> Box:
    width, height = side * _WIDTH, side * _HEIGHT
    return Box(left + (side - width) / 2, top + side * (0.5 + _DOWN) - height / 2, width, height)


def build(settings: MediaSettings) -> StumpCascade:
    """The detector."""
    return StumpCascade()


SPEC = DetectorSpec("stumps", "OpenCV's cascade of stumps", build)
