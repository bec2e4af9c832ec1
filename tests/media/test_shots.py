"""Black frames and cuts: by the levels at which they are, no more and no less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from affekt.media.frames import MARKER, Frames, Spill
from affekt.media.shots import shots_of

WIDTH, HEIGHT = 64, 48
PIXELS = WIDTH * HEIGHT


def film(pictures: Sequence[np.ndarray | int]) -> Frames:
    """Frames of the given brightness: of each pixel, or of all."""
    frames = Frames(WIDTH, HEIGHT, Spill())
    for picture in pictures:
        luma = np.broadcast_to(np.asarray(picture, np.uint8).reshape(-1), PIXELS)
        frames.room()[len(MARKER) : len(MARKER) + PIXELS] = luma.tobytes()
        frames.count += 1
    return frames


def split(pixels: int, level: int, rest: int) -> np.ndarray:
    """A picture of which so many pixels have one level and the others another."""
    return np.where(np.arange(PIXELS) < pixels, level, rest)


def spans(pictures: Sequence[np.ndarray | int]) -> list[tuple[int, int]]:
    return [(shot.start, shot.stop) for shot in shots_of(film(pictures))[1]]


@pytest.mark.parametrize(
    ("picture", "black"),
    [
        (0, True),
        (23, True),
        (24, False),
        (split(29, 255, 0), True),  # less than a hundredth shines
        (split(30, 255, 0), False),
        (split(30, 24, 0), False),
        (split(30, 23, 0), True),
    ],
)
def test_a_frame_is_black_when_its_brightest_hundredth_is_dark(picture: np.ndarray | int, black: bool) -> None:
    found, shots = shots_of(film([picture]))
    assert found.dtype == bool and found.tolist() == [black]
    assert shots == ([] if black else [range(0, 1)])


def test_a_few_bright_points_anywhere_leave_a_frame_black() -> None:
    rng = np.random.default_rng(0)
    skies = []
    for _ in range(40):
        stars, dark = rng.integers(24, 256, PIXELS), rng.integers(0, 24, PIXELS)
        skies.append(rng.permutation(np.where(np.arange(PIXELS) < 29, stars, dark)))
    assert shots_of(film(skies))[0].all()


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([100, 100, 0, 0, 100, 100], [(0, 2), (4, 6)]),
        ([0, 100, 0, 100, 0], [(1, 2), (3, 4)]),
        ([0, 0], []),
        ([100, 100, 0], [(0, 2)]),
        ([100, 100, 200, 200, 200, 30], [(0, 2), (2, 5), (5, 6)]),
        ([22, 26, 26], [(1, 3)]),  # out of the black by and by
        ([100], [(0, 1)]),
        ([], []),
    ],
)
def test_shots_lie_between_black_frames_and_cuts(levels: list[int], expected: list[tuple[int, int]]) -> None:
    assert spans(levels) == expected


# The sixteen grey levels from 96 to 111 count as one brightness, those from 112 on as the next; 12 levels more in 35 %
# of the pixels are a mean change of 4.2, which is none by itself.
@pytest.mark.parametrize(("pixels", "cut"), [(int(0.35 * PIXELS), False), (int(0.35 * PIXELS) + 1, True)])
def test_a_cut_is_where_more_than_35_percent_of_the_pixels_have_another_brightness(pixels: int, cut: bool) -> None:
    assert spans([100, 100, split(pixels, 112, 100), split(pixels, 112, 100)]) == (
        [(0, 2), (2, 4)] if cut else [(0, 4)]
    )


def test_white_and_dark_are_of_different_brightness_too() -> None:
    assert spans([40, 255, 40]) == [(0, 1), (1, 2), (2, 3)]


def moving(*changes: int) -> list[int]:
    """Levels from 96 to 111 that change by so much from frame to frame, up and down."""
    levels = [103]
    for change in changes:
        levels.append(levels[-1] + (change if levels[-1] + change <= 111 else -change))
    assert all(96 <= level <= 111 for level in levels)
    return levels


@pytest.mark.parametrize(
    ("changes", "cut_at"),
    [
        # a mean change of a pixel by six levels is none, by seven it is
        ((0, 0, 6, 0, 0), None),
        ((0, 0, 7, 0, 0), 3),
        # it has to be more than four times the median of the three changes before and the three behind
        ((2, 2, 2, 8, 2, 2, 2), None),
        ((1, 2, 2, 7, 1, 1, 2), 4),
        ((1, 1, 1, 8, 3, 3, 3), None),
        ((0, 0, 0, 7, 3, 3, 3), 4),
        # those further away do not count
        ((1, 1, 1, 1, 8, 3, 3, 3, 1), None),
        ((2, 0, 0, 0, 7, 3, 3, 3, 3), 5),
        # at the edges of a clip fewer are there, and the first frame has none
        ((7, 3), None),
        ((7, 1), 1),
        ((1, 7, 2), 2),
        ((0, 7, 3), 2),
        ((3, 7), None),
        ((0, 7), 2),
    ],
)
def test_a_cut_within_one_room_is_a_change_much_greater_than_those_around(
    changes: tuple[int, ...], cut_at: int | None
) -> None:
    last = len(changes) + 1
    assert spans(moving(*changes)) == ([(0, last)] if cut_at is None else [(0, cut_at), (cut_at, last)])


@pytest.mark.filterwarnings("error")
def test_two_frames_alone_have_nothing_to_compare_their_change_with() -> None:
    assert spans(moving(7)) == [(0, 2)]
