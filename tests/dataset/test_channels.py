"""Colours in a table of grey values are told, and no picture of another size is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affekt.dataset.channels import colours_in
from affekt.dataset.faces import read_face_source


def grey(side: int = 24) -> np.ndarray:
    """A smooth picture with a little noise."""
    down, across = np.mgrid[:side, :side]
    noise = np.random.default_rng(0).integers(0, 9, (side, side))
    return (90 + 60 * np.sin(down / 5) + 60 * np.cos(across / 4) + noise).astype(np.uint8)


def rgba(opacity: np.ndarray | int = 255) -> np.ndarray:
    picture = grey()
    return np.dstack([picture, picture // 2, picture // 3, np.full_like(picture, 0) + np.uint8(opacity)])


def test_grey_values_are_no_colours() -> None:
    spots = np.zeros((48, 48), np.uint8)
    spots[3, 5:7] = 90
    noise = np.random.default_rng(1).integers(0, 256, 48 * 48).astype(np.uint8)
    blank = np.full(2304, 255, np.uint8)
    for picture in (grey(), grey(48), spots, noise, blank, np.zeros(0, np.uint8), np.arange(4, dtype=np.uint8)):
        assert colours_in(picture.reshape(-1)) == ""


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (rgba(), "24 x 24 pixels of 4 values (red, green, blue and opacity)"),
        (rgba(0), "24 x 24 pixels of 4 values"),
        (rgba(grey()), "24 x 24 pixels of 4 values"),
        (rgba().transpose(2, 0, 1), "24 x 24 pixels of 4 values"),  # plane by plane
        (rgba()[:, :, :3], "24 x 24 pixels of 3 values (red, green and blue)"),
        (rgba()[:, :, 2:], "24 x 24 pixels of 2 values (grey and opacity)"),
    ],
)
def test_colours_are_told_with_the_size_that_they_make(values: np.ndarray, what: str) -> None:
    assert what in colours_in(values.reshape(-1))


def test_a_row_of_colours_is_an_error_that_says_what_was_expected(tmp_path: Path) -> None:
    path = tmp_path / "fer.csv"
    cells = [" ".join(map(str, values.reshape(-1))) for values in (grey(), rgba(), rgba()[:, :, :3])]
    path.write_text("emotion,pixels\n" + "".join(f"{n},{cell}\n" for n, cell in enumerate(cells)))
    faces, problems = read_face_source(str(path))
    assert [face.label for face in faces] == ["angry"]
    assert [(p.code, p.where) for p in problems] == [("bad_pixels", f"{path}:3"), ("bad_pixels", f"{path}:4")]
    assert "2,304 values are 24 x 24 pixels of 4 values" in problems[0].message
    assert all("expected one grey value a pixel" in p.message for p in problems)


def test_a_picture_of_another_size_than_most_is_told(tmp_path: Path) -> None:
    path = tmp_path / "fer.csv"
    path.write_text("emotion,pixels\n0,0 1 2 3\n3,0 1 2 4\n3,0 1 2 3 4 5 6 7 8\n")
    (told,) = read_face_source(str(path))[1]
    assert (told.code, told.severity, told.where) == ("other_size", "warning", f"{path}:4")
    assert "most pictures are 2 x 2, 1 of 3 are not: 3 x 3 in" in told.message


def test_the_subjects_of_a_table_of_pixels_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "fer.csv"
    path.write_text("emotion,subject,pixels\n0,Ann,0 1 2 3\n3,n/a,0 1 2 4\n")
    assert [face.subject for face in read_face_source(str(path))[0]] == ["Ann", ""]
