"""Face tracks: who is where in every frame, from detections every few frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from affekt.media.detectors import Box, Detector, View, overlap
from affekt.media.frames import Frames

#: Key frames from one search of the whole picture to the next while a face is being followed.
SEARCH_ALL_EVERY = 10
#: Correlation with the face as it was last detected, from which on a place counts as the same face.
SAME_FACE = 0.75
#: Key frames that a face may be lost and come back in the same place as the same track.
PATIENCE = 2
_PATCH = 32


@dataclass
class Track:
    """One person's face within one shot.

    Attributes:
        boxes: frame number -> box, in pixels of the detection picture, at key frames and at the ends.
        detected: frame number -> the detector's score, for the boxes that it found itself.
    """

    boxes: dict[int, Box] = field(default_factory=dict)
    detected: dict[int, float] = field(default_factory=dict)
    patch: np.ndarray | None = None
    patch_box: Box | None = None
    missed: int = 0

    @property
    def first(self) -> int:
        return min(self.boxes)

    @property
    def last(self) -> int:
        return max(self.boxes)

    def see(self, number: int, box: Box, score: float | None, view: View) -> None:
        """Add a box; a detected one also becomes the picture that the face is followed by."""
        self.boxes[number] = box
        self.missed = 0
        if score is not None:
            self.detected[number] = score
            self.patch, self.patch_box = _patch(view, box), box


class Tracker:
    """Finds the face tracks of one clip."""

    def __init__(self, frames: Frames, detector: Detector, *, every: int, height: int) -> None:
        self.detector, self.every = detector, every
        self._frames, self._height = frames, height

    def tracks(self, shots: Sequence[range]) -> list[Track]:
        """The tracks of all shots; none crosses from one shot into another."""
        return [track for shot in shots for track in self._shot(shot)]

    def _shot(self, shot: range) -> list[Track]:
        keys = list(shot[:: self.every])
        if keys[-1] != shot[-1]:
            keys.append(shot[-1])
        ended: list[Track] = []
        live: list[Track] = []
        for position, number in enumerate(keys):
            view = self.view(number)
            settled = [track for track in live if not track.missed]
            found = []
            if position % SEARCH_ALL_EVERY == 0 or not settled:
                found = self.detector.search(view)
            for track in sorted(live, key=lambda item: -len(item.detected)):
                reference = track.boxes[track.last]
                best = max(found, key=lambda item: overlap(item.box, reference), default=None)
                if best is not None and overlap(best.box, reference) > 0.3:
                    found.remove(best)
                    track.see(number, best.box, best.score, view)
                elif not self._look(track, number, view, track.last):
                    track.missed += 1
            for item in found:
                if all(overlap(item.box, track.boxes[track.last]) < 0.3 for track in live):
                    track = Track()
                    track.see(number, item.box, item.score, view)
                    live.append(track)
            live = _distinct(live)
            ended += [track for track in live if track.missed > PATIENCE]
            live = [track for track in live if track.missed <= PATIENCE]
        tracks = ended + live
        for track in tracks:
            self._extend(track, keys)
        return tracks

    def view(self, number: int) -> View:
        """A frame as the detector sees it."""
        return View(self._frames, number, self._height)

    def _look(self, track: Track, number: int, view: View, reference: int) -> bool:
        """Look for a face where it was; add it when it is there."""
        box = track.boxes[reference]
        near = self.detector.search_near(view, box)
        if near is not None:
            track.see(number, near.box, near.score, view)
            return True
        followed = _follow(track, view, box)
        if followed is not None:
            track.see(number, followed, None, view)
            return True
        return False

    def _extend(self, track: Track, keys: list[int]) -> None:
        """Find the frames in which the face really comes and goes, which lie between key frames."""
        track.patch_box = track.boxes[min(track.detected)]
        track.patch = _patch(self.view(min(track.detected)), track.patch_box)
        place = keys.index(track.first)
        while place > 0:
            before = keys[place - 1]
            if not self._look(track, before, self.view(before), track.first):
                self._bisect(track, track.first, before)
                break
            place -= 1
        last = max(track.detected)
        track.patch_box = track.boxes[last]
        track.patch = _patch(self.view(last), track.patch_box)
        place = keys.index(track.last)
        if place + 1 < len(keys):
            self._bisect(track, track.last, keys[place + 1])

    def _bisect(self, track: Track, seen: int, unseen: int) -> None:
        while abs(unseen - seen) > 1:
            middle = (seen + unseen) // 2
            if self._look(track, middle, self.view(middle), seen):
                seen = middle
            else:
                unseen = middle


def _distinct(tracks: list[Track]) -> list[Track]:
    """The tracks without those that have run onto a face which another one has held longer."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda item: -len(item.detected)):
        place = track.boxes[track.last]
        if all(track.last != other.last or overlap(place, other.boxes[other.last]) < 0.5 for other in kept):
            kept.append(track)
    return kept


def boxes_between(track: Track) -> tuple[range, np.ndarray]:
    """The frames from the first to the last of a track and a smoothed box for each, float64 ``[n, 4]``.

    The places at key frames are freed of outliers and of the detector's trembling by a filter that is symmetric in
    time, so that the box does not lag; between key frames the box moves evenly.
    """
    numbers = sorted(track.boxes)
    boxes = np.array([track.boxes[number] for number in numbers], np.float64)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    centres = _smoothed(centres, np.array([1, 2, 1]) / 4)
    sizes = _smoothed(_median(boxes[:, 2:]), np.array([1, 2, 3, 2, 1]) / 9)
    frames = range(numbers[0], numbers[-1] + 1)
    columns = [np.interp(frames, numbers, values) for values in np.concatenate([centres - sizes / 2, sizes], axis=1).T]
    return frames, np.stack(columns, axis=1)


def _smoothed(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A symmetric filter along the first axis; point reflection at the ends keeps those in place."""
    reach = min(len(kernel) // 2, len(values) - 1)
    kernel = kernel[len(kernel) // 2 - reach : len(kernel) // 2 + reach + 1]
    kernel = kernel / kernel.sum()
    before = 2 * values[:1] - values[1 : reach + 1][::-1]
    after = 2 * values[-1:] - values[len(values) - reach - 1 : -1][::-1]
    padded = np.concatenate([before, values, after])
    return np.stack([np.convolve(column, kernel, mode="valid") for column in padded.T], axis=1)


def _median(values: np.ndarray) -> np.ndarray:
    padded = np.pad(values, ((1, 1), (0, 0)), mode="edge")
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _region(view: View, box: Box, reach: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a box enlarged by a share of its size, cut to the picture."""
    wide, high = box.width * reach, box.height * reach
    left, top = max(0, int(box.left - wide)), max(0, int(box.top - high))
    right = min(view.size[0], int(box.left + box.width + wide) + 1)
    return left, top, right, min(view.size[1], int(box.top + box.height + high) + 1)


def _patch(view: View, box: Box) -> np.ndarray | None:
    left, top, right, bottom = _region(view, box, 0.0)
    if right - left < 8 or bottom - top < 8:
        return None
    return view.grey[top:bottom, left:right].copy()


def _follow(track: Track, view: View, box: Box) -> Box | None:
    """Where the face as it was last detected is in this picture, by normalised correlation; None where it is not."""
    patch, patch_box = track.patch, track.patch_box
    if patch is None or patch_box is None:
        return None
    left, top, right, bottom = _region(view, box, 0.3)
    area = view.grey[top:bottom, left:right]
    shrink = min(1.0, _PATCH / min(patch.shape))
    small = cv2.resize(patch, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    area = cv2.resize(area, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    if area.shape[0] < small.shape[0] or area.shape[1] < small.shape[1] or small.std() < 4:
        return None
    _, best, _, place = cv2.minMaxLoc(cv2.matchTemplate(area, small, cv2.TM_CCOEFF_NORMED))
    if not best >= SAME_FACE:
        return None
    corner_left, corner_top, _, _ = _region(view, patch_box, 0.0)
    offset_x, offset_y = patch_box.left - corner_left, patch_box.top - corner_top
    return Box(
        left + place[0] / shrink + offset_x, top + place[1] / shrink + offset_y, patch_box.width, patch_box.height
    )
