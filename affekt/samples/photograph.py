"""The photograph behind the sample clips, and where the features of its face are.

The face is that of a real person: NASA astronaut Eileen Collins, photographed by NASA in 1993, in the public domain.
scikit-image ships the picture (``skimage.data.astronaut()``, 512 x 512); the coordinates below were measured on it by
hand, in its pixels, with left and right as the viewer sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

#: The part of the photograph that is used: left, top, right, bottom in its pixels.
CROP = (60, 0, 400, 300)
#: Canvas pixels per pixel of the photograph.
DETAIL = 1.25
#: The middle of the face, halfway between brows and chin.
FACE_CENTRE = (224.0, 125.0)
#: From the brows to the chin.
FACE_HEIGHT = 90.0

LEFT_BROW = ((190, 90.0), (195, 88.8), (199, 88.3), (204, 89.0), (209, 90.3), (213, 92.0))
RIGHT_BROW = ((238, 93.0), (243, 92.3), (250, 92.0), (255, 92.3), (259, 94.0), (263, 96.0))
#: Edges of the lids where they meet the eye, from corner to corner.
LEFT_EYE = (
    ((191.5, 100.2), (196, 99.2), (199, 98.4), (203, 97.8), (207, 98.7), (210, 100.2), (213, 102.2)),
    ((191.5, 100.2), (196, 102.2), (199, 103.4), (203, 104.4), (207, 104.2), (210, 103.5), (213, 102.2)),
)
RIGHT_EYE = (
    ((235, 105.0), (239, 102.2), (243, 100.4), (246, 99.8), (250, 100.2), (254, 101.6), (259.5, 103.9)),
    ((235, 105.0), (240, 105.8), (244, 106.3), (248, 106.4), (252, 105.6), (256, 104.6), (259.5, 103.9)),
)
#: Edges of the lips where they meet the teeth (the photograph smiles), from corner to corner.
LIPS = (
    ((202.6, 139.0), (207, 140.9), (214, 142.3), (222, 143.0), (230, 142.7), (237, 141.7), (244, 140.4)),
    ((202.6, 139.0), (205, 143.0), (209, 146.2), (214, 148.7), (222, 149.5), (230, 148.9), (235, 146.6),
     (240, 143.4), (244, 140.4)),
)  # fmt: skip
#: The folds from the nose to the corners of the mouth.
FOLDS = (((212, 123), (206, 128), (200, 133), (197, 138)), ((239, 124), (243, 129), (248, 134), (250.5, 140)))

_OUTLINE = (
    (60, 253), (113, 207), (127, 170), (160, 148), (185, 150), (177, 130), (155, 105), (153, 60), (190, 30), (233, 15),
    (277, 30), (300, 67), (301, 87), (280, 130), (267, 136), (257, 173), (300, 213), (305, 237), (350, 267),
    (400, 300), (60, 300),
)  # fmt: skip
_SKIN = (
    (185, 86), (192, 79), (205, 81), (225, 82), (245, 86), (264, 92), (270, 105), (271, 128), (277, 134), (266, 142),
    (259, 165), (253, 184), (236, 190), (194, 184), (187, 165), (182, 142), (172, 126), (181, 118), (182, 100),
)  # fmt: skip


@dataclass(frozen=True)
class Photograph:
    """The cropped photograph, ``DETAIL`` canvas pixels to a pixel.

    Attributes:
        picture: float32 ``[H, W, 3]`` RGB, 0 to 255; the folds of the smile softened.
        person: float32 ``[H, W]``, 1 where the person is, 0 in the background.
        skin: float32 ``[H, W]``, 1 on the skin of face and neck.
        hair: float32 ``[H, W]``, 1 on the hair.
        brows: float32 ``[H, W]``, 1 on the brows.
    """

    picture: np.ndarray
    person: np.ndarray
    skin: np.ndarray
    hair: np.ndarray
    brows: np.ndarray


def near_line(shape: tuple[int, int], line: tuple[tuple[float, float], ...], sigma: float) -> np.ndarray:
    """A Gaussian ridge along a line in photograph pixels, float32 ``[H, W]`` in canvas pixels, 1 on the line."""
    blank = np.full(shape, 255, np.uint8)
    points = np.round((np.array(line) - CROP[:2] + 0.5) * DETAIL * 16).astype(np.int32)
    cv2.polylines(blank, [points], False, 0, 1, cv2.LINE_AA, 4)
    distance = cv2.distanceTransform((blank > 127).astype(np.uint8), cv2.DIST_L2, 5) / DETAIL
    ridge = np.exp(-0.5 * (distance / sigma) ** 2)
    return np.where(ridge > 1e-3, ridge, 0).astype(np.float32)  # sums with denormal numbers are slow


def _filled(shape: tuple[int, int], outline: tuple[tuple[float, float], ...]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round((np.array(outline) - CROP[:2]) * DETAIL).astype(np.int32)], 1)
    return mask


@lru_cache(maxsize=1)
def photograph() -> Photograph:
    """The photograph, cut out and prepared once per process."""
    from skimage.data import astronaut  # here, because importing scikit-image takes a moment

    left, top, right, bottom = CROP
    size = (round((right - left) * DETAIL), round((bottom - top) * DETAIL))
    picture = cv2.resize(astronaut()[top:bottom, left:right], size, interpolation=cv2.INTER_CUBIC)
    shape = picture.shape[:2]
    person = _cut_out(picture, _filled(shape, _OUTLINE))
    skin = cv2.GaussianBlur(_filled(shape, _SKIN).astype(np.float32), (0, 0), 2.5)
    skin *= person
    above_collar = np.clip((150.0 * DETAIL - np.arange(shape[0], dtype=np.float32)) / 15, 0, 1)[:, None]
    hair = np.clip(person - skin, 0, 1) * above_collar
    fold = sum(near_line(shape, line, 3.0) for line in FOLDS)
    softening = np.clip(0.85 * np.asarray(fold), 0, 0.85)[..., None]
    base = picture.astype(np.float32)
    smooth = cv2.GaussianBlur(base, (0, 0), 7)
    brows = np.clip(near_line(shape, LEFT_BROW, 1.2) + near_line(shape, RIGHT_BROW, 1.2), 0, 1)
    return Photograph(base + (smooth - base) * softening, person, skin, hair, brows)


def _cut_out(picture: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The person's matte, float32 ``[H, W]``: the measured outline, settled to the pixel by a graph cut."""
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (19, 19))
    trimap = np.where(cv2.dilate(outline, reach) > 0, cv2.GC_PR_BGD, cv2.GC_BGD).astype(np.uint8)
    trimap[outline > 0] = cv2.GC_PR_FGD
    trimap[cv2.erode(outline, reach) > 0] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    bgr = np.ascontiguousarray(picture[..., ::-1])
    cv2.grabCut(bgr, trimap, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    matte = np.isin(trimap, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    return cv2.GaussianBlur(cv2.erode(matte, np.ones((3, 3), np.uint8)), (0, 0), 1.2)
