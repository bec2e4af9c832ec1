"""What takes the place of each value of a plane: by a line where there is one, always as the table says."""

from __future__ import annotations

import numpy as np
import pytest

from affekt.media.filter_graphs import Kind, levels_of
from affekt.media.levels import Levels

BT601, LIMITED, FULL = 5, 1, 2
VALUES = np.arange(256)


def written(levels: Levels, plane: np.ndarray) -> np.ndarray:
    target = np.empty(plane.shape, np.uint8)
    levels.write(plane, target)
    return target


@pytest.mark.parametrize("width", [1, 7, 31, 64, 95, 1000])
def test_pictures_of_limited_range_are_written_by_lines_as_ffmpegs_own_tables_say(width):
    found = levels_of(Kind(640, 480, "yuv420p", BT601, LIMITED), 720)
    assert found is not None
    plane = np.random.default_rng(width).integers(0, 256, (40, 1024), np.uint8)[:, 3 : 3 + width]  # its rows are longer

    for levels in found:
        assert levels.line is not None
        assert (written(levels, plane) == levels.table[plane]).all()


def test_all_values_come_as_in_the_table():
    for levels in levels_of(Kind(640, 480, "yuv420p", BT601, LIMITED), 720) or ():
        assert (written(levels, VALUES.astype(np.uint8).reshape(16, 16)).ravel() == levels.table).all()


@pytest.mark.parametrize(
    "table",
    [
        VALUES,
        VALUES[::-1],
        np.zeros(256),
        np.minimum(255, (VALUES / 16) ** 2),
        np.clip(np.floor((VALUES - 16) * 255 / 219), 0, 255),
        np.where(VALUES == 200, 0, np.clip(np.rint((VALUES - 16) * 255 / 219), 0, 255)),
    ],
    ids=["the same", "turned round", "all black", "a curve", "rounded down", "one that is elsewhere"],
)
def test_what_lies_on_no_line_is_looked_up(table):
    levels = Levels.of(table.astype(np.uint8))
    plane = np.random.default_rng(0).integers(0, 256, (30, 50), np.uint8)

    assert (written(levels, plane) == levels.table[plane]).all()
