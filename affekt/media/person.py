"""Which of the face tracks are faces at all, which belong to one person, and which person a clip is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from affekt.counted import counted
from affekt.errors import MediaError
from affekt.media.boxes import Found, closeness
from affekt.media.frames import Frames
from affekt.media.smooth import boxes_between
from affekt.media.tracks import Track, Tracker

#: Detections that a track needs; in a shot of fewer key frames, all of them.
LEAST_DETECTIONS = 3
#: Share of a track's key frames in which the detector itself has to have found it.
LEAST_SHARE = 0.3
#: Two tracks show one person when their mean faces correlate and differ in colour like this. Measured on mean faces of
#: talking heads: parts of one clip 0.81 to 0.99 and up to 1.6, other people's 0.60 and 3.2 in the median.
SAME_LUMA, SAME_COLOUR = 0.75, 2.5
#: Who is meant where several people are seen: by default the most prominent; or a number, counted from the left.
PROMINENT = "prominent"
CHOICES = (PROMINENT, "left", "right", "largest", "longest")
_SAMPLES = 4
_LOOK = 16


@dataclass(frozen=True)
class Chosen:
    """The person who was chosen.

    Attributes:
        tracks: of that person, in the order of time; none where nobody is seen.
        others: how many tracks other people have.
        people: how many people are seen.
        place: that person's place among them, counted from the left of the picture, from 1 on.
    """

    tracks: list[Track]
    others: int = 0
    people: int = 0
    place: int = 0


def check_choice(who: str) -> None:
    """Refuse what names nobody.

    Raises:
        MediaError: ``unknown_person``.
    """
    if who not in CHOICES and not (who.isascii() and who.isdigit() and int(who)):
        raise MediaError(
            f"no person {who!r}; expected {', '.join(CHOICES)}, or a number from 1 on, counted from the left",
            code="unknown_person",
        )


def person_of(tracks: list[Track], tracker: Tracker, frames: Frames, who: str = PROMINENT) -> Chosen:
    """The person whom the clip is about, or another one that is asked for.

    The most prominent one has the track with the greatest prominence: the sum over its frames of the face's height as
    a share of the picture's, weighted from 1 in the middle of the picture to 0 at its edge (long, large and central
    wins). Further tracks belong to the same person when they share no frame with it and either go on where it stopped,
    in the same shot, or look alike.

    Args:
        tracks: all face tracks of the clip.
        tracker: that found them.
        frames: of the clip.
        who: one of :data:`CHOICES`, or a number, counted from the left.

    Raises:
        MediaError: ``unknown_person``: there are not so many people.
    """
    check_choice(who)
    believed = [track for track in tracks if _believed(track, tracker)]
    if not believed:
        return Chosen([])
    ranked = sorted(believed, key=lambda track: (-_prominence(track, frames, tracker), track.first))
    first, left = _person(ranked, tracker, frames)
    people = [first]
    while left:  # the others are told apart only where there are any
        person, left = _person(left, tracker, frames)
        people.append(person)
    from_left = sorted(people, key=lambda person: _mean(person, tracker, lambda boxes: boxes[:, 0] + boxes[:, 2] / 2))
    chosen = _asked_for(who, people, from_left, tracker)
    others = len(believed) - len(chosen)
    return Chosen(sorted(chosen, key=lambda track: track.first), others, len(people), from_left.index(chosen) + 1)


def _person(ranked: list[Track], tracker: Tracker, frames: Frames) -> tuple[list[Track], list[Track]]:
    """The tracks of the person who has the first of the tracks, and those of others."""
    chosen, others = [ranked[0]], []
    look = _look(ranked[0], tracker, frames) if len(ranked) > 1 else None
    for track in ranked[1:]:
        apart = all(track.last < other.first or track.first > other.last for other in chosen)
        assert look is not None
        if apart and (_goes_on(track, chosen, tracker) or look.like(_look(track, tracker, frames))):
            chosen.append(track)
        else:
            others.append(track)
    return chosen, others


def _asked_for(who: str, people: list[list[Track]], from_left: list[list[Track]], tracker: Tracker) -> list[Track]:
    if who == PROMINENT:
        return people[0]
    if who == "left":
        return from_left[0]
    if who == "right":
        return from_left[-1]
    if who == "largest":
        return max(people, key=lambda person: _mean(person, tracker, lambda boxes: boxes[:, 3]))
    if who == "longest":
        return max(people, key=lambda person: sum(track.last - track.first + 1 for track in person))
    if int(who) > len(from_left):
        raise MediaError(
            f"shows {counted(len(from_left), 'people')}, and number {who} was asked for",
            code="unknown_person",
        )
    return from_left[int(who) - 1]


def _mean(person: list[Track], tracker: Tracker, measure: Callable[[np.ndarray], np.ndarray]) -> float:
    """The mean of a measure of boxes ``[N, 4]``, in pixels of the picture, over all frames of a person's tracks."""
    values = [measure(boxes_between(track)[1] / tracker.view(track.first).scale) for track in person]
    return float(np.concatenate(values).mean())


def _believed(track: Track, tracker: Tracker) -> bool:
    """Whether the detector found the face often enough, and a second look at a few of its places confirms it."""
    keys = 1 + (track.last - track.first) // tracker.every
    if len(track.detected) < max(min(LEAST_DETECTIONS, keys), LEAST_SHARE * keys):
        return False
    samples = _spread(sorted(track.detected))
    confirmed = sum(
        tracker.detector.confirms(tracker.view(number), Found(track.boxes[number], track.detected[number]))
        for number in samples
    )
    return confirmed >= max(1, len(samples) / 2)


def _prominence(track: Track, frames: Frames, tracker: Tracker) -> float:
    _, boxes = boxes_between(track)
    boxes = boxes / tracker.view(track.first).scale
    x = (boxes[:, 0] + boxes[:, 2] / 2) / frames.width - 0.5
    y = (boxes[:, 1] + boxes[:, 3] / 2) / frames.height - 0.5
    central = 1 - np.minimum(1, 2 * np.maximum(np.abs(x), np.abs(y)))
    return float((boxes[:, 3] / frames.height * central).sum())


@dataclass(frozen=True)
class _Look:
    """The mean face of a track: normalised brightness ``[16, 16]`` and colour ``[4, 4, 2]``."""

    luma: np.ndarray
    colour: np.ndarray

    def like(self, other: _Look) -> bool:
        alike = float((self.luma * other.luma).mean())
        return alike >= SAME_LUMA and float(np.abs(self.colour - other.colour).mean()) <= SAME_COLOUR


def _look(track: Track, tracker: Tracker, frames: Frames) -> _Look:
    lumas, colours = [], []
    for number in _spread(sorted(track.detected)):
        box = track.boxes[number].scaled(1 / tracker.view(number).scale)
        centre, side = box.centre, (box.height, box.height)
        luma = cv2.getRectSubPix(frames.luma(number), (max(1, int(side[0])), max(1, int(side[1]))), centre)
        lumas.append(cv2.resize(luma, (_LOOK, _LOOK), interpolation=cv2.INTER_AREA).astype(np.float64))
        half, middle = (max(1, int(side[0] / 2)), max(1, int(side[1] / 2))), (centre[0] / 2, centre[1] / 2)
        planes = [cv2.resize(cv2.getRectSubPix(plane, half, middle), (4, 4), interpolation=cv2.INTER_AREA)
                  for plane in frames.chroma(number)]  # fmt: skip
        colours.append(np.stack(planes, axis=-1).astype(np.float64))
    mean = np.mean(lumas, axis=0)
    return _Look((mean - mean.mean()) / max(1.0, float(mean.std())), np.mean(colours, axis=0))


def _goes_on(track: Track, chosen: list[Track], tracker: Tracker) -> bool:
    """Whether a track begins or ends where a chosen one ends or begins, in the same shot, a few key frames away."""
    for other in chosen:
        early, late = (track, other) if track.last < other.first else (other, track)
        near = early.shot == late.shot and late.first - early.last <= 3 * tracker.gap
        if near and closeness(early.boxes[early.last], late.boxes[late.first]) > 0:
            return True
    return False


def _spread(numbers: list[int]) -> list[int]:
    """A few of the numbers, evenly from the first to the last."""
    places = np.linspace(0, len(numbers) - 1, min(_SAMPLES, len(numbers))).round().astype(int)
    return [numbers[place] for place in places]
