"""The face of the person whom a clip is about: where it is in every frame, and its crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import cv2
import numpy as np

from affekt.media.boxes import Box
from affekt.media.detectors import detector_for
from affekt.media.frames import Frames
from affekt.media.person import PROMINENT, person_of
from affekt.media.shots import ShotFinder
from affekt.media.smooth import boxes_between
from affekt.media.tracks import Tracker
from affekt.settings import MediaSettings


@dataclass(frozen=True)
class Faces:
    """The face in the T frames of a clip.

    Attributes:
        cut: gives the crop of a frame, uint8 ``[S, S, 3]`` RGB, zeros without a face; it holds the clip's frames.
        cut_wide: likewise with ``media.wide_margin`` around the face, ``media.wide_size`` a side.
        present: bool ``[T]``.
        boxes: float32 ``[T, 4]``, left, top, width, height in source pixels, NaN without a face.
        flags: ``no_video``, ``no_face``, ``black_frames``, ``several_faces``.
        details: counts for the flags.
        why_none: why there is no face, ``""`` where there is one.
    """

    cut: Callable[[int], np.ndarray]
    cut_wide: Callable[[int], np.ndarray]
    present: np.ndarray
    boxes: np.ndarray
    flags: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    why_none: str = ""

    @property
    def crops(self) -> np.ndarray:
        """All crops, uint8 ``[T, S, S, 3]``, cut out now."""
        return np.array([self.cut(number) for number in range(len(self.present))], np.uint8)


class FaceSearch:
    """Faces are followed in the first pictures of a clip while further ones are decoded; :func:`find_faces` goes on.

    Args:
        settings: as for :func:`find_faces`.
        check: likewise.
    """

    def __init__(self, frames: Frames, settings: MediaSettings, check: Callable[[], None] = lambda: None) -> None:
        self.frames, self.shots = frames, ShotFinder(frames)
        self.tracker = Tracker(
            frames, detector_for(settings), every=settings.detect_every, height=settings.detection_height, check=check
        )

    def go_on(self, count: int) -> None:
        """Follow faces in the pictures before a number, as far as they are sure to belong to the first shot."""
        self.tracker.follow_ahead(self.shots.first(count))


def find_faces(
    frames: Frames,
    settings: MediaSettings,
    who: str = PROMINENT,
    check: Callable[[], None] = lambda: None,
    begun: FaceSearch | None = None,
) -> Faces:
    """Find, follow and cut out the face that a clip is about, or that of another person (:mod:`affekt.media.person`).

    Frame t of the result is frame t of the clip, always: a frame without a face is marked, never left out.
    ``check`` is called every few frames and may end the search by an error.
    ``begun`` is what has been searched of these frames.
    """
    count = len(frames)
    squares: dict[int, tuple[tuple[float, float], float]] = {}

    def cut(number: int, margin: float = settings.face_margin, size: int = settings.face_size) -> np.ndarray:
        if number not in squares:
            return np.zeros((size, size, 3), np.uint8)
        centre, side = squares[number]
        return crop(frames, number, centre, side * (1 + 2 * margin), size)

    cut_wide = partial(cut, margin=settings.wide_margin, size=settings.wide_size or 0)
    present = np.zeros(count, bool)
    boxes = np.full((count, 4), np.nan, np.float32)
    if not count:
        return Faces(cut, cut_wide, present, boxes, ("no_video",), {}, "no picture")
    search = begun or FaceSearch(frames, settings, check)
    tracker = search.tracker
    black, shots = search.shots.shots()
    check()
    flags, details = [], {}
    if black.any():
        flags.append("black_frames")
        details["black_frames"] = int(black.sum())
    person = person_of(tracker.tracks(shots), tracker, frames, who)
    if person.others:
        flags.append("several_faces")
        details["other_faces"] = person.others
    if person.people > 1:
        details |= {"people": person.people, "person": person.place}
    scale = tracker.view(0).scale
    to_source = (frames.source_width / frames.width, frames.source_height / frames.height)
    for track in person.tracks:
        numbers, places = boxes_between(track)
        places = places / scale
        for number, place in zip(numbers, places, strict=True):
            if black[number]:
                continue
            box = Box(*place)
            area = settings.face_side == "area"
            side = (box.width * box.height) ** 0.5 if area else max(box.width, box.height)
            x, y = box.centre
            squares[number] = (float(x), float(y)), float(side)  # NumPy's numbers are slow to round
            boxes[number] = place * (*to_source, *to_source)
            present[number] = True
    why_none = ""
    if not present.any():
        flags.append("no_face")
        why_none = "all frames are black" if black.all() else "no face in any frame"
    return Faces(cut, cut_wide, present, boxes, tuple(flags), details, why_none)


def crop(frames: Frames, number: int, centre: tuple[float, float], side: float, size: int) -> np.ndarray:
    """A square of a frame, uint8 ``[size, size, 3]`` RGB; what lies outside the picture repeats its border."""
    blue, red = frames.chroma(number)
    x, y = centre
    planes = [
        _square(frames.luma(number), x, y, side, size),
        _square(red, x / 2, y / 2, side / 2, size),
        _square(blue, x / 2, y / 2, side / 2, size),
    ]
    return cv2.cvtColor(cv2.merge(planes), cv2.COLOR_YCrCb2RGB)


def _square(plane: np.ndarray, x: float, y: float, side: float, size: int) -> np.ndarray:
    if side <= size:  # enlarged: sampled between pixels, so that a slowly moving face does not jump
        step = side / size
        matrix = np.array([[step, 0, x - side / 2 + step / 2 - 0.5], [0, step, y - side / 2 + step / 2 - 0.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(plane, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    height, width = plane.shape
    left, top = round(x - side / 2), round(y - side / 2)
    right, bottom = left + round(side), top + round(side)
    part = plane[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
    outside = (max(0, -top), max(0, bottom - height), max(0, -left), max(0, right - width))
    if any(outside):
        part = cv2.copyMakeBorder(part, *outside, cv2.BORDER_REPLICATE)
    return cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA)
