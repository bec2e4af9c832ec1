"""The animated face: a subject's picture of the photographed face, with an expression and a pose, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from affekt.samples.photograph import CROP, DETAIL, FACE_CENTRE, near_line, photograph
from affekt.samples.subjects import Subject
from affekt.samples.warps import REGION, SMOOTH_UNITS, Mouth, bumps, grid, move_lids, move_lips, smooth_fields

POSES = ("right", "down", "roll", "zoom", "yaw", "pitch")

# What the units darken: unit -> (line, width in photograph pixels, share of darkening) of each crease.
_CREASES: dict[str, tuple[tuple[tuple[tuple[float, float], ...], float, float], ...]] = {
    "au1": ((((206, 86), (224, 84.5), (242, 87)), 0.9, 0.14),),
    "au4": ((((220.5, 88), (220, 97)), 1.1, 0.26), (((227.5, 88.5), (228, 97.5)), 1.1, 0.26)),
    "au6": ((((193, 107), (203, 109.5), (212, 108)), 1.3, 0.16), (((238, 110), (248, 112), (258, 109)), 1.3, 0.16)),
    "au9": ((((217, 104), (224, 101), (231, 104)), 1.2, 0.2), (((218, 109), (224, 107), (231, 109)), 1.2, 0.16)),
    "au10": ((((212, 122), (205, 129), (201, 136)), 1.6, 0.28), (((238, 123), (244, 130), (248, 137)), 1.6, 0.28)),
    "au12": ((((211, 125), (202, 132), (197, 140)), 1.6, 0.24), (((240, 126), (248, 133), (252, 141)), 1.6, 0.24)),
    "au15": ((((205, 149), (203, 156)), 1.6, 0.2), (((243, 150), (245, 157)), 1.6, 0.2)),
}
# A crease on skin takes more blue and green than red.
_CREASE_GAINS = np.round(
    255 - np.minimum(np.arange(256), 150)[:, None, None] * np.array([[[0.75, 1.05, 1.2, 0.0]]])
).astype(np.uint8)  # fmt: skip
_MOUTH_COLOUR = np.array([46, 16, 18, 255], np.float32)
_TONGUE_COLOUR = np.array([95, 42, 44, 0], np.float32)


class AnimatedFace:
    """A subject's face before a backdrop.

    Args:
        subject: whose face.
        size: width and height of the picture.
        scale: picture pixels per pixel of the photograph.
        place: where the middle of the face is, in picture pixels.
    """

    def __init__(self, subject: Subject, size: tuple[int, int], scale: float, place: tuple[float, float]) -> None:
        self.size = size
        self._canvas = _painted(subject)
        self._now = self._canvas.copy()
        self._base, self._modes = _pose_fields(subject, size, scale, place)

    def expressive(self, units: Mapping[str, float]) -> np.ndarray:
        """The canvas with an expression: uint8 ``[H, W, 4]``, premultiplied RGB and matte; the next overwrites it."""
        at_rest = _at_rest()
        amounts = np.array([*(units[unit] for unit in SMOOTH_UNITS), 1.0 - 0.8 * units["au12"]], np.float32)
        motion = np.tensordot(amounts, at_rest.motions, 1)
        height, width = at_rest.x.shape
        x = at_rest.x - cv2.resize(motion[0], (width, height), interpolation=cv2.INTER_LINEAR)
        y = at_rest.y - cv2.resize(motion[1], (width, height), interpolation=cv2.INTER_LINEAR)
        for side, (left, right) in enumerate(((183, 221), (226, 268))):
            part = _pixels((left, 85, right, 120), REGION)
            y[part] = move_lids(at_rest.x[0, part[1]], y[part], units, side)
        part = _pixels((168, 122, 280, 215), REGION)
        mouth = move_lips(at_rest.x[0, part[1]], x[part], y[part], units)
        x[part], y[part] = mouth.x, mouth.y
        region_x = (x - (CROP[0] - 0.5)) * DETAIL - 0.5
        region_y = (y - (CROP[1] - 0.5)) * DETAIL - 0.5
        face = cv2.remap(self._canvas, region_x, region_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        _open_mouth(face[part], mouth)
        shade = np.tensordot(np.array([units[unit] for unit in _CREASES], np.float32), at_rest.creases, 1)
        shade[part] += 0.3 * mouth.seam
        level = cv2.convertScaleAbs(shade, alpha=255)
        gains = cv2.LUT(cv2.merge([level] * 4), _CREASE_GAINS)
        self._now[_pixels(REGION, CROP)] = cv2.multiply(face, gains, scale=1 / 255)
        return self._now

    def frame(self, units: Mapping[str, float], pose: np.ndarray) -> np.ndarray:
        """One picture: uint8 ``[H, W, 4]``, premultiplied RGB and matte; ``pose`` holds the amounts of ``POSES``."""
        place = self._base + np.tensordot(pose.astype(np.float32), self._modes, 1)
        full = cv2.resize(place, self.size, interpolation=cv2.INTER_LINEAR)
        layer = cv2.remap(
            self.expressive(units), full, np.empty(0, np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(layer)


def _open_mouth(face: np.ndarray, mouth: Mouth) -> None:
    """Paint the dark of the mouth into ``face``, uint8 ``[H, W, 4]``, where it is seen."""
    rows, columns = np.flatnonzero(mouth.dark.any(axis=1)), np.flatnonzero(mouth.dark.any(axis=0))
    if not len(rows):
        return
    seen = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = _MOUTH_COLOUR + (mouth.depth[seen] ** 2)[..., None] * _TONGUE_COLOUR
    before = face[seen].astype(np.float32)
    face[seen] = (before + (inside - before) * mouth.dark[seen][..., None]).astype(np.uint8)


@dataclass(frozen=True)
class _Rest:
    """What all faces share: the pixels of the moving region, and what units do there.

    Attributes:
        x, y: in the photograph, float32 ``[H, W]``.
        motions: of the smooth units and of rest, on a coarser grid, float32 ``[units + 1, 2, h, w]``.
        creases: darkening by the units of ``_CREASES``, float32 ``[7, H, W]``.
    """

    x: np.ndarray
    y: np.ndarray
    motions: np.ndarray
    creases: np.ndarray


@lru_cache(maxsize=1)
def _at_rest() -> _Rest:
    x, y = grid(REGION, 1 / DETAIL)
    coarse_x, coarse_y = grid(REGION, 2.0)
    edge = np.minimum.reduce(
        [coarse_x - REGION[0], REGION[2] - coarse_x, coarse_y - REGION[1], REGION[3] - coarse_y]
    )  # fmt: skip
    motions = smooth_fields(coarse_x, coarse_y) * np.clip(edge / 10, 0, 1).astype(np.float32)
    shape = photograph().person.shape
    region = _pixels(REGION, CROP)
    creases = [
        np.sum([amount * near_line(shape, line, width)[region] for line, width, amount in lines], axis=0)
        for lines in _CREASES.values()
    ]
    return _Rest(x, y, motions, np.stack(creases).astype(np.float32))


def _pixels(box: tuple[float, float, float, float], frame: tuple[int, int, int, int]) -> tuple[slice, slice]:
    """Rows and columns, in canvas pixels, of a box within a frame; both left, top, right, bottom in the photograph."""
    left, top, right, bottom = (round((box[side] - frame[side % 2]) * DETAIL) for side in range(4))
    return slice(top, bottom), slice(left, right)


@lru_cache(maxsize=4)
def _painted(subject: Subject) -> np.ndarray:
    """The photograph in the subject's colours: premultiplied RGB and matte, uint8 ``[H, W, 4]``."""
    photo = photograph()
    picture = photo.picture / 255
    gain, gamma = subject.skin
    toned = np.clip(picture, 0, 1) ** (gamma * np.array([0.92, 1.0, 1.06], np.float32)) * gain
    picture = picture + (toned - picture) * photo.skin[..., None]
    grey = picture.mean(-1, keepdims=True)
    dyed = (0.45 * picture + 0.55 * grey) * np.array(subject.hair, np.float32)
    picture = picture + (dyed - picture) * photo.hair[..., None]
    picture = picture * (1 - subject.brow * photo.brows[..., None])
    picture = picture * np.array([1 + subject.warmth, 1.0, 1 - subject.warmth], np.float32) * 255
    person = photo.person[..., None]
    cut: np.ndarray = np.clip(np.dstack([picture * person, person * 255]), 0, 255).astype(np.uint8)
    return cut


def _pose_fields(
    subject: Subject, size: tuple[int, int], scale: float, place: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Canvas coordinates of the picture's pixels at rest ``[h, w, 2]`` and their change per pose ``[6, h, w, 2]``.

    Both on a grid of half the picture's resolution.
    """
    width, height = size
    x = (np.arange(width // 2, dtype=np.float32) * 2 + 0.5 - place[0]) / scale
    y = (np.arange(height // 2, dtype=np.float32) * 2 + 0.5 - place[1]) / scale
    across, down = np.meshgrid(x, y)
    face_width, eye_distance, jaw, nose, mouth, brows = subject.geometry
    across_photo, down_photo = across + FACE_CENTRE[0], down + FACE_CENTRE[1]
    # Shapes of the face, as motions of its parts.
    head = np.exp(-0.5 * ((across / 60) ** 2 + (down / 75) ** 2))
    shape = bumps(
        across_photo,
        down_photo,
        [
            (203, 101, -2.6 * eye_distance, 0, 13, 12, 12), (247, 103, 2.6 * eye_distance, 0, 13, 12, 12),
            (196, 165, -4 * jaw, 1.5 * jaw, 16, 22, 22), (252, 165, 4 * jaw, 1.5 * jaw, 16, 22, 22),
            (224, 128, 0, 2.4 * nose, 13, 10, 10), (223, 148, 0, 2.2 * mouth, 22, 10, 10),
            (202, 89, 0, 1.6 * brows, 14, 7, 4), (251, 92, 0, 1.6 * brows, 14, 7, 4),
        ],
    )  # fmt: skip
    shape[0] += 0.09 * face_width * across * head
    shape[1] -= 0.04 * face_width * down * head
    base = np.stack([across_photo - shape[0], down_photo - shape[1]], -1)
    # The head moves, the shoulders stay.
    weight = 1 / (1 + np.exp((down - 62) / 7))
    zero = np.zeros_like(across)
    depth = np.sqrt(np.clip(1 - (across / 75) ** 2 - (down / 90) ** 2, 0, 1))
    nose_bump = 0.35 * np.exp(-0.5 * (((across) / 10) ** 2 + ((down) / 12) ** 2))
    below_neck = down - 62
    modes = [
        (-weight, zero),
        (zero, -weight),
        (below_neck * weight, -across * weight),
        (-across * weight, -below_neck * weight),
        (-(depth + nose_bump) * weight, zero),
        (zero, -(depth + nose_bump) * weight),
    ]
    to_canvas = np.float32(DETAIL)
    origin = np.array(CROP[:2], np.float32) - 0.5
    base = (base - origin) * to_canvas - 0.5
    fields = np.stack([np.stack(mode, -1) for mode in modes]) * to_canvas
    return base.astype(np.float32), fields.astype(np.float32)
