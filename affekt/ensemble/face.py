"""Which face an answer is about: where it was, when, and among how many people."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affekt.argument_names import argument
from affekt.counted import counted
from affekt.media import PreparedClip

#: A face lower than this share of the picture says little, and the detector may have missed others as small.
SMALL = 0.15
#: Seconds without the face after which it is seen anew.
_GAP = 0.5


@dataclass(frozen=True)
class Face:
    """The face that was analysed.

    Attributes:
        box: left, top, width and height in pixels of the source, in the median over its frames.
        seconds: from when to when it was seen, one span for each time that it came into the picture.
        people: how many people were seen.
        person: the analysed one's place among them, counted from the left of the picture, from 1 on.
        share: the face's height as a share of the picture's.
    """

    box: tuple[int, int, int, int]
    seconds: tuple[tuple[float, float], ...]
    people: int = 1
    person: int = 1
    share: float = 1.0

    @classmethod
    def of(cls, clip: PreparedClip) -> Face | None:
        """The face of a prepared clip; None where it has none, or is a picture that is all face."""
        known = clip.present & ~np.isnan(clip.boxes).any(axis=1)
        if not known.any():
            return None
        left, top, width, height = (round(float(value)) for value in np.median(clip.boxes[known], axis=0))
        times = clip.times[known].astype(float)
        breaks = np.flatnonzero(np.diff(times) > _GAP)
        starts, ends = times[np.r_[0, breaks + 1]], times[np.r_[breaks, len(times) - 1]]
        picture = int(clip.details.get("height", 0))
        return cls(
            (left, top, width, height),
            tuple((round(float(start), 2), round(float(end), 2)) for start, end in zip(starts, ends, strict=True)),
            int(clip.details.get("people", 2 if "other_faces" in clip.details else 1)),
            int(clip.details.get("person", 1)),
            height / picture if picture else 1.0,
        )

    def elsewhere(self, start: float, scale: float) -> Face:
        """The same face where the clip is a part of a longer video.

        Args:
            start: of the part, seconds of the video.
            scale: pixels of the video for each of the part's.
        """
        left, top, width, height = (round(scale * side) for side in self.box)
        spans = tuple((round(start + first, 2), round(start + last, 2)) for first, last in self.seconds)
        return replace(self, box=(left, top, width, height), seconds=spans)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be known of an answer about this face."""
        said = []
        if self.people > 1:
            said.append(
                f"{counted(self.people, 'people')} are seen: answered for number {self.person} from the left; "
                f"choose another with {argument('person', command='predict')}"
            )
        if self.share < SMALL:
            said.append(
                f"the analysed face is small ({self.share:.0%} of the picture's height): the answer says little, "
                "and others as small may not have been seen"
            )
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "box": list(self.box),
            "seconds": [list(span) for span in self.seconds],
            "people": self.people,
            "person": self.person,
        }
