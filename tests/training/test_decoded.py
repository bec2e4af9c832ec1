"""Pictures that were drawn once stay decoded, within their room."""

from __future__ import annotations

import numpy as np

from affekt.media.pictures import FacePictures
from affekt.training.decoded import DecodedPictures, KeptPictures


def _counted(frames: int) -> tuple[FacePictures, list[int]]:
    """Pictures of one value each, and which of them were decoded."""
    asked: list[int] = []

    def code(frame: int) -> bytes:
        asked.append(frame)
        return bytes([frame]) * (4 * 4 * 3)

    return FacePictures(code, frames, 4, coded=False), asked


def test_a_picture_is_decoded_once() -> None:
    pictures, asked = _counted(5)
    kept = KeptPictures(pictures, DecodedPictures())
    drawn = [kept[np.int64(frame)] for frame in (3, 1, 3, 3, 1)]

    assert asked == [3, 1] and [int(picture[0, 0, 0]) for picture in drawn] == [3, 1, 3, 3, 1]


def test_what_does_not_fit_is_decoded_each_time_and_is_right() -> None:
    pictures, asked = _counted(5)
    kept = KeptPictures(pictures, DecodedPictures(room=2 * 48))
    for frame in (0, 1, 2, 0, 1, 2):
        assert (kept[frame] == frame).all()

    assert asked == [0, 1, 2, 2]


def test_clips_share_the_room() -> None:
    decoded = DecodedPictures(room=3 * 48)
    clips = [_counted(4) for _ in range(2)]
    kept = [KeptPictures(pictures, decoded) for pictures, _ in clips]
    for _ in range(2):
        for frame in (0, 1):
            assert (kept[0][frame] == frame).all() and (kept[1][frame] == frame).all()

    assert [asked for _, asked in clips] == [[0, 1], [0, 1, 1]]
