"""A picture file of any origin, decoded within limits: what its head states is looked at before any pixel is."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING

from affekt.errors import MediaError

if TYPE_CHECKING:
    import numpy as np

#: Width times height of a picture, and bytes of its file; those of a still picture with the presets' media limits.
MOST_PIXELS, MOST_BYTES = 8 * 4096 * 2304, 256 << 20


#: How pictures begin that the decoder takes and whose size nothing tells before.
_WITHOUT_SIZE = {b"#?R": "Radiance HDR", b"PF": "PFM", b"Pf": "PFM", b"P7": "PAM", b"v/1\x01": "OpenEXR"}
#: The head of a PNM file up to its largest value, and those that the decoder takes as what they are.
_LARGEST, _READ_AS = re.compile(rb"P[2356](?:(?:\s|#[^\n]*\n)+(\d+)){3}"), (255, 65535)
#: The largest value of 16-bit pictures, shown in 8 bits, of which the values may have 14 bits and fewer.
_FEW_BITS = 63
#: How pictures begin that have as many bits as they have, whatever their values need.
_DEEP = (b"\x89PNG", b"II*\x00", b"MM\x00*", b"P2", b"P3", b"P5", b"P6")


def decode_picture(content: bytes, where: str, *, grey: bool = False) -> np.ndarray:
    """The picture, uint8 ``[H, W, 3]`` RGB, or ``[H, W]`` where only its brightness is wanted.

    Raises:
        MediaError: ``empty``, ``too_large``, ``too_many_pixels`` or ``unreadable``.
    """
    if not content:
        raise MediaError("the file is empty", code="unreadable", where=where)
    if len(content) > MOST_BYTES:
        raise MediaError(
            f"has more than {MOST_BYTES} bytes, the most of a picture; compress it", code="too_large", where=where
        )
    if kind := next((name for sign, name in _WITHOUT_SIZE.items() if content.startswith(sign)), ""):
        raise MediaError(
            f"is a picture of a kind that is not taken ({kind}); convert it", code="unreadable", where=where
        )
    width, height, colours = _stated(content)
    if width * height > MOST_PIXELS:
        size = f"{width}x{height}" if height > 2 else f"more than {MOST_PIXELS} pixels"
        raise MediaError(
            f"is a picture of {size}, at most {MOST_PIXELS} pixels are taken; scale it down",
            code="too_many_pixels",
            where=where,
        )
    if other := _other_colours(content, colours):
        raise MediaError(
            f"{other}, which would be shown in other colours; convert it to PNG with 8 bits a value",
            code="unreadable",
            where=where,
        )
    import cv2  # heavy: cv2
    import numpy as np  # heavy: numpy

    how = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB
    try:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), how)
    except cv2.error:  # beyond OpenCV's own limits
        picture = None
    if picture is None:
        raise MediaError("not a picture that can be decoded", code="unreadable", where=where)
    if picture.max(initial=0) <= _FEW_BITS and content.startswith(_DEEP):
        deep = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE)
        if deep is not None and deep.dtype == np.uint16 and deep.max() > _FEW_BITS:
            raise MediaError(
                f"has 16 bits a value, and none above {deep.max()}, as where 10, 12 or 14 bits are kept in 16: it "
                "would be almost black; convert it to PNG with 8 bits a value",
                code="unreadable",
                where=where,
            )
    return np.ascontiguousarray(picture)


def _other_colours(content: bytes, colours: str) -> str:
    """What a picture is, as far as its head tells that the decoder would take its values for others."""
    if colours == "LAB":
        return "is a picture in CIE Lab"
    largest = _LARGEST.match(content)
    return (
        f"is a picture whose largest value is {int(largest[1])}" if largest and int(largest[1]) not in _READ_AS else ""
    )


def _stated(content: bytes) -> tuple[int, int, str]:
    """Width, height and kind of colours as the head of the file states them; 0, 0 and nothing of an unknown kind."""
    from PIL import Image  # read with the first picture only

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own limit, which is another
            with Image.open(io.BytesIO(content)) as image:
                return *image.size, image.mode
    except Image.DecompressionBombError:
        return MOST_PIXELS, 2, ""
    except Exception:  # whatever else is in a hostile or damaged head, the decoder finds out
        return 0, 0, ""
