"""Small JPEG pictures of face crops, for the report and for answers."""

from __future__ import annotations

import cv2
import numpy as np

from affekt.media import PreparedClip

#: The longer side of a thumbnail, pixels: twice its size on the page, for dense screens and print.
SIDE = 128


def thumbnail(face: np.ndarray) -> bytes:
    """A JPEG of a face crop.

    Args:
        face: uint8 ``[H, W, 3]`` RGB; reduced to at most 128 pixels a side, never enlarged.

    Raises:
        ValueError: another shape or type.
    """
    if face.ndim != 3 or face.shape[2] != 3 or face.dtype != np.uint8 or not face.size:
        raise ValueError(f"expected a uint8 [H, W, 3] picture, got {face.dtype} {list(face.shape)}")
    scale = SIDE / max(face.shape[:2])
    picture = np.ascontiguousarray(face)
    if scale < 1:
        size = (max(1, round(face.shape[1] * scale)), max(1, round(face.shape[0] * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise ValueError("the picture could not be written as JPEG")
    return bytes(data.tobytes())


def face_of(clip: PreparedClip) -> bytes:
    """A JPEG of the analysed face in the middle of the time that it is seen; empty where there is none."""
    face = clip.middle_face
    return b"" if face is None else thumbnail(face)
