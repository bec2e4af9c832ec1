"""A picture file of any origin, decoded within limits: what its head states is looked at before any pixel is."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from affekt.errors import MediaError

if TYPE_CHECKING:
    import numpy as np

#: Width times height of a picture, and bytes of its file; those of a still picture with the presets' media limits.
MOST_PIXELS, MOST_BYTES = 8 * 4096 * 2304, 256 << 20


#: How pictures begin that the decoder takes and whose size nothing tells before.
_WITHOUT_SIZE = {b"#?R": "Radiance HDR", b"PF": "PFM", b"Pf": "PFM", b"P7": "PAM", b"v/1\x01": "OpenEXR"}


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
    width, height = stated_size(content)
    if width * height > MOST_PIXELS:
        size = f"{width}x{height}" if height > 2 else f"more than {MOST_PIXELS} pixels"
        raise MediaError(
            f"is a picture of {size}, at most {MOST_PIXELS} pixels are taken; scale it down",
            code="too_many_pixels",
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
    return np.ascontiguousarray(picture)


def stated_size(content: bytes) -> tuple[int, int]:
    """Width and height as the head of the file states them; 0 and 0 where it is of no known kind."""
    from PIL import Image  # read with the first picture only

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own limit, which is another
            with Image.open(io.BytesIO(content)) as image:
                return image.size
    except Image.DecompressionBombError:
        return MOST_PIXELS, 2
    except Exception:  # whatever else is in a hostile or damaged head, the decoder finds out
        return 0, 0
