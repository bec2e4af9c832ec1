"""Pictures whose values the decoder would take for others are refused with a word."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from affekt.dataset.picture_file import decode_picture
from affekt.errors import MediaError

RAMP = np.linspace(0, 1, 48 * 48).reshape(48, 48)


def coded(values: np.ndarray, ending: str) -> bytes:
    return cv2.imencode(ending, values)[1].tobytes()


@pytest.mark.parametrize("ending", [".png", ".tif", ".pgm"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_that_are_kept_in_sixteen_are_refused(ending: str, bits: int) -> None:
    """They had been read as pictures that are almost black."""
    content = coded((RAMP * (2**bits - 1)).astype(np.uint16), ending)
    with pytest.raises(MediaError, match=f"none above {2**bits - 1}"):
        decode_picture(content, "x")


@pytest.mark.parametrize("ending", [".png", ".tif", ".pgm"])
def test_sixteen_bits_and_dark_pictures_of_eight_are_read(ending: str) -> None:
    deep = decode_picture(coded((RAMP * 65535).astype(np.uint16), ending), "x")
    assert deep.max() == 255 and np.abs(deep[..., 0] - RAMP * 255).max() <= 1
    assert decode_picture(coded((RAMP * 40).astype(np.uint8), ending), "x", grey=True).max() == 40


@pytest.mark.parametrize(("largest", "kind"), [(4095, ">u2"), (1023, ">u2"), (100, "u1"), (15, "u1")])
def test_another_largest_value_of_a_pnm_is_refused(largest: int, kind: str) -> None:
    head = f"P5\n# of a camera\n48 48\n{largest}\n".encode()
    with pytest.raises(MediaError, match=f"largest value is {largest}, "):
        decode_picture(head + (RAMP * largest).astype(kind).tobytes(), "x")


def test_lab_is_refused_and_other_colours_of_tiff_are_read() -> None:
    picture = Image.fromarray(np.full((32, 32, 3), (200, 80, 40), np.uint8))
    for mode in ("LAB", "CMYK", "YCbCr", "RGB"):
        file = io.BytesIO()
        picture.convert(mode).save(file, "TIFF")
        if mode == "LAB":
            with pytest.raises(MediaError, match="CIE Lab"):
                decode_picture(file.getvalue(), "x")
        else:
            assert np.abs(decode_picture(file.getvalue(), "x").astype(int) - (200, 80, 40)).max() <= 2
