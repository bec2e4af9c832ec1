"""Which face an answer names, and what it says where there are several or it is small."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.argument_names import Style, arguments_named
from affekt.ensemble.face import Face
from affekt.media import PreparedClip


def clip(present: list[int], *, height: float = 200, **details: int) -> PreparedClip:
    """Frames a fifth of a second apart, with a box at (10, 20) of 100 pixels width where a face is present."""
    there = np.array(present, bool)
    boxes = np.full((len(there), 4), np.nan, np.float32)
    boxes[there] = (10, 20, 100, height)
    return PreparedClip(
        np.zeros((len(there), 8, 8, 3), np.uint8), there, boxes, np.arange(len(there), dtype=np.float32) / 5,
        np.zeros(88, np.float32), False, details={"height": 400, **details},
    )  # fmt: skip


def test_the_box_and_the_times_of_each_appearance():
    face = Face.of(clip([0, 1, 1, 0, 0, 0, 1, 1]))
    assert face is not None
    assert face.to_dict() == {"box": [10, 20, 100, 200], "seconds": [[0.2, 0.4], [1.2, 1.4]], "people": 1, "person": 1}
    assert face.warnings == ()


def test_a_short_gap_is_one_appearance():
    face = Face.of(clip([1, 0, 1]))
    assert face is not None and face.seconds == ((0.0, 0.4),)


def test_without_a_face_there_is_none():
    assert Face.of(clip([0, 0])) is None


def test_several_people_are_told_with_which_one_was_analysed():
    face = Face.of(clip([1, 1], people=3, person=2))
    assert face is not None
    said = "3 people are seen: answered for number 2 from the left; choose another with"
    styles: dict[Style, str] = {"python": "person=", "flags": "--person", "commands": "affekt predict --person"}
    for style, name in styles.items():
        with arguments_named(style):
            assert face.warnings == (f"{said} {name}",)


@pytest.mark.parametrize(("height", "told"), [(59, True), (60, False)])
def test_a_face_below_a_seventh_of_the_picture_is_told(height, told):
    face = Face.of(clip([1], height=height))
    assert face is not None
    assert any("is small" in text for text in face.warnings) == told
