"""Face tracks: who is where in every frame, from detections every few frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from affekt.media.boxes import Box, Found, closeness, overlap
from affekt.media.detectors import Detector
from affekt.media.frames import Frames
from affekt.media.view import View

#: Key frames, and frames, from one search of the whole picture to the next while a face is being followed, at most.
SEARCH_ALL_EVERY, SEARCH_ALL_FRAMES = 10, 60
#: Correlation with the face as it was last detected, from which on a place counts as the same face.
SAME_FACE = 0.75
#: Key frames, and frames, that a face may be lost and come back in the same place as the same track, at most.
PATIENCE, PATIENCE_FRAMES = 2, 10
#: Frames between key frames from which on the place half-way is not left to interpolation alone.
FAR_APART = 8
#: Closeness to the interpolated place from which on a face is where it is expected.
STEADY = 0.9
#: Frames that are kept at the size at which faces are searched.
_VIEWS = 32
_PATCH = 32


@dataclass
class Track:
    """One person's face within one shot.

    Attributes:
        shot: the frames of the shot.
        boxes: frame number -> box, in pixels of the detection picture, at key frames and at the ends.
        detected: frame number -> the detector's score, for the boxes that it found itself.
    """

    shot: range
    boxes: dict[int, Box] = field(default_factory=dict)
    detected: dict[int, float] = field(default_factory=dict)
    missed: int = 0
    _patch: np.ndarray | None = None
    _patch_box: Box | None = None

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
            self.take_patch(number, view)

    def take_patch(self, number: int, view: View) -> None:
        """Follow the face by how it looks in this frame."""
        self._patch_box = self.boxes[number]
        left, top, right, bottom = _region(view, self._patch_box, 0.0)
        large = right - left >= 8 and bottom - top >= 8
        self._patch = view.grey[top:bottom, left:right].copy() if large else None

    def expected(self, number: int) -> Box:
        """Where the face is in a frame if it moves on evenly (size and all stay when only one box is known)."""
        known = sorted(self.boxes, key=lambda frame: abs(frame - number))[:2]
        box = self.boxes[known[0]]
        if len(known) < 2 or known[0] == number:
            return box
        step = (number - known[0]) / (known[0] - known[1])
        before, now = self.boxes[known[1]].centre, box.centre
        step = max(-1.5, min(1.5, step))
        return box.moved((now[0] - before[0]) * step, (now[1] - before[1]) * step)

    def follow(self, view: View, box: Box) -> Box | None:
        """Where the face as it was last detected is, near a box, by normalised correlation; None where it is not."""
        patch, patch_box = self._patch, self._patch_box
        if patch is None or patch_box is None:
            return None
        left, top, right, bottom = _region(view, box, 0.3)
        area = view.grey[top:bottom, left:right]
        shrink = min(1.0, _PATCH / min(patch.shape))
        if min(area.shape) * shrink < 1:
            return None
        small = cv2.resize(patch, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        area = cv2.resize(area, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        if area.shape[0] < small.shape[0] or area.shape[1] < small.shape[1] or small.std() < 4:
            return None
        _, best, _, place = cv2.minMaxLoc(cv2.matchTemplate(area, small, cv2.TM_CCOEFF_NORMED))
        if not best >= SAME_FACE:
            return None
        corner_left, corner_top, _, _ = _region(view, patch_box, 0.0)
        right_by, down_by = left + place[0] / shrink - corner_left, top + place[1] / shrink - corner_top
        return patch_box.moved(right_by, down_by)


@dataclass
class _Followed:
    """How far the faces of a shot have been followed: over how many key frames, whose are lost and whose are not."""

    keys: int = 0
    ended: list[Track] = field(default_factory=list)
    live: list[Track] = field(default_factory=list)


class Tracker:
    """Finds the face tracks of one clip."""

    def __init__(
        self,
        frames: Frames,
        detector: Detector,
        *,
        every: int,
        height: int,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.detector, self.every, self._check = detector, every, check
        self._view = lru_cache(_VIEWS)(lambda number: View(frames, number, height))
        self._search_every = max(1, min(SEARCH_ALL_EVERY, SEARCH_ALL_FRAMES // every))
        self._patience = max(1, min(PATIENCE, PATIENCE_FRAMES // every))
        #: Frames that a face may be lost as the same track.
        self.gap = self._patience * every
        self._ahead = _Followed()

    def view(self, number: int) -> View:
        """A frame as the detector sees it."""
        return self._view(number)

    def tracks(self, shots: Sequence[range]) -> list[Track]:
        """The tracks of all shots; none crosses from one shot into another."""
        return [track for shot in shots for track in self._shot(shot)]

    def follow_ahead(self, count: int) -> None:
        """Follow faces in the frames before a number, which are part of the first shot, before its end is known."""
        self._follow(self._ahead, range(count), list(range(0, count, self.every)))

    def _shot(self, shot: range) -> list[Track]:
        keys = list(shot[:: self.every])
        if keys[-1] != shot[-1]:
            keys.append(shot[-1])
        followed, self._ahead = self._ahead, _Followed()
        if shot.start or (followed.keys - 1) * self.every >= shot.stop:
            followed = _Followed()
        self._follow(followed, shot, keys)
        tracks = followed.ended + followed.live
        for track in tracks:
            track.shot = shot
            self._extend(track, keys)
        joined = _joined(tracks, self.gap)
        if self.every >= FAR_APART:
            for track in joined:
                self._halve(track)
        return joined

    def _follow(self, followed: _Followed, shot: range, keys: list[int]) -> None:
        """Go on over the key frames from where it stopped."""
        for position in range(followed.keys, len(keys)):
            live = followed.live
            self._advance(live, keys[position], shot, search=position % self._search_every == 0)
            followed.ended += [track for track in live if track.missed > self._patience]
            followed.live = _distinct([track for track in live if track.missed <= self._patience])
            followed.keys += 1

    def _advance(self, live: list[Track], number: int, shot: range, *, search: bool) -> None:
        """Find every live track in the next key frame, and new ones where the whole picture is searched.

        It is searched when it is due, when nobody is there, and when somebody has been lost.
        """
        self._check()
        view = self.view(number)
        found = self.detector.search(view) if search or not live else None
        lost = []
        for track in sorted(live, key=lambda item: -len(item.detected)):
            if not (self._match(track, number, view, found or []) or self._look(track, number, view)):
                lost.append(track)
        if lost and found is None:
            found = self.detector.search(view)
            lost = [track for track in lost if not self._match(track, number, view, found)]
        for track in lost:
            track.missed += 1
        for item in found or []:
            if not any(number in track.boxes and overlap(item.box, track.boxes[number]) > 0.3 for track in live):
                track = Track(shot)
                track.see(number, item.box, item.score, view)
                live.append(track)

    def _match(self, track: Track, number: int, view: View, found: list[Found]) -> bool:
        """Give a track the nearest of the faces that were found, if it is near enough."""
        expected = track.expected(number)
        best = max(found, key=lambda item: closeness(item.box, expected), default=None)
        if best is None or closeness(best.box, expected) <= 0:
            return False
        found.remove(best)
        track.see(number, best.box, best.score, view)
        return True

    def _look(self, track: Track, number: int, view: View) -> bool:
        """Look for a face where it should be; add it when it is there."""
        expected = track.expected(number)
        near = self.detector.search_near(view, expected)
        if near is not None:
            track.see(number, near.box, near.score, view)
            return True
        followed = track.follow(view, expected)
        if followed is not None:
            track.see(number, followed, None, view)
            return True
        return False

    def _extend(self, track: Track, keys: list[int]) -> None:
        """Find the frames in which the face really comes and goes, which lie between key frames."""
        first = min(track.detected)
        track.take_patch(first, self.view(first))
        place = keys.index(track.first)
        while place > 0:
            before = keys[place - 1]
            if not self._look(track, before, self.view(before)):
                self._bisect(track, track.first, before)
                break
            place -= 1
        last = max(track.detected)
        track.take_patch(last, self.view(last))
        place = keys.index(track.last)
        if place + 1 < len(keys):
            self._bisect(track, track.last, keys[place + 1])

    def _halve(self, track: Track) -> None:
        """Add the place half-way between key frames: the middle if the face is there as well, else it is looked for."""
        for before, behind in pairwise(sorted(track.boxes)):
            if behind - before < FAR_APART:
                continue
            number = (before + behind) // 2
            share = (number - before) / (behind - before)
            ends = zip(track.boxes[before], track.boxes[behind], strict=True)
            middle = Box(*(first + share * (last - first) for first, last in ends))
            track.take_patch(before, self.view(before))
            seen = track.follow(self.view(number), middle)
            there = seen is not None and closeness(seen, middle) >= STEADY
            if there or not self._look(track, number, self.view(number)):
                track.boxes[number] = middle

    def _bisect(self, track: Track, seen: int, unseen: int) -> None:
        while abs(unseen - seen) > 1:
            middle = (seen + unseen) // 2
            if self._look(track, middle, self.view(middle)):
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


def _joined(tracks: list[Track], gap: int) -> list[Track]:
    """The tracks with those parts put together that were one face, lost for a moment."""
    whole: list[Track] = []
    for track in sorted(tracks, key=lambda item: item.first):
        start = track.boxes[track.first]
        for other in whole:
            if other.last < track.first - gap or closeness(other.expected(track.first), start) <= 0.25:
                continue
            end = other.last
            other.boxes |= {number: box for number, box in track.boxes.items() if number > end}
            other.detected |= {number: score for number, score in track.detected.items() if number > end}
            break
        else:
            whole.append(track)
    return whole


def _region(view: View, box: Box, reach: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a box enlarged by a share of its size, cut to the picture."""
    wide, high = box.width * reach, box.height * reach
    left, top = max(0, int(box.left - wide)), max(0, int(box.top - high))
    right = min(view.size[0], int(box.left + box.width + wide) + 1)
    return left, top, right, min(view.size[1], int(box.top + box.height + high) + 1)
