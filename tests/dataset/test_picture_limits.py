"""A picture that states more pixels or bytes than allowed is refused before it is decoded."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from affekt.checks.inspection import inspect_faces
from affekt.dataset import picture_file
from affekt.dataset.faces import FaceImage
from affekt.errors import MediaError


def png(width: int, height: int) -> bytes:
    """A black picture of one bit a pixel: a thousand times smaller than its pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((width // 8 + 1) * height))
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(30000, 30000), (10000, 8000)])
def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(*size))
    image = FaceImage("large", str(path), "happy", "train")

    with pytest.raises(MediaError) as refused:
        image.load()

    assert refused.value.code == "too_many_pixels"
    found = inspect_faces([image])[0].error
    assert found is not None and found.code == "too_many_pixels"


def test_a_picture_within_the_limits_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    path.write_bytes(png(800, 600))

    assert FaceImage("small", str(path), "happy", "train").load().shape == (600, 800, 3)


def test_a_file_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_file, "MOST_BYTES", 10)

    with pytest.raises(MediaError) as refused:
        picture_file.decode_picture(png(80, 60), "small.png")

    assert refused.value.code == "too_large"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n", "Radiance HDR"),
        (b"PF\n30000 30000\n-1.0\n", "PFM"),
        (b"P7\nWIDTH 30000\nHEIGHT 30000\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n", "PAM"),
    ],
)
def test_a_kind_whose_size_nothing_tells_is_refused_under_any_name(content: bytes, kind: str) -> None:
    """The decoder took ten gigabytes of memory for a kilobyte."""
    with pytest.raises(MediaError, match="of a kind that is not taken") as refused:
        picture_file.decode_picture(content + bytes(900), "face.png")
    assert (refused.value.code, kind in refused.value.message) == ("unreadable", True)


def test_a_picture_beyond_all_counting_is_not_told_a_size_of_its_own() -> None:
    with pytest.raises(MediaError, match=r"is a picture of more than 75497472 pixels, at most") as refused:
        picture_file.decode_picture(b"P5 30000 30000 255\n" + bytes(900), "face.pgm")
    assert refused.value.code == "too_many_pixels"
