"""Film a subject: the pictures of a clip, from expression, pose, light and grain."""

from __future__ import annotations

import cv2
import numpy as np

from affekt.samples.expression import UNITS, apex, blinks, envelope
from affekt.samples.face import AnimatedFace
from affekt.samples.subjects import Subject

#: Width and height of a clip's pictures.
SIZE = (320, 240)
#: Pictures a second.
FRAME_RATE = 25

_Units = dict[str, float]


class Camera:
    """Puts the person before the backdrop, in the subject's light and with the subject's grain."""

    def __init__(self, subject: Subject, size: tuple[int, int], generator: np.random.Generator) -> None:
        width, height = size
        left, right, top, bottom = subject.light
        across, down = np.linspace(left, right, width), np.linspace(top, bottom, height)
        light = np.repeat((across * down[:, None])[..., None], 3, axis=2)
        self._light = np.clip(128 * light, 0, 255).astype(np.uint8)
        self._backdrop = np.clip(_backdrop(subject, size) * light, 0, 255).astype(np.uint8)
        # Grain is drawn once, larger than the picture, and each picture takes another part of it.
        grain = subject.grain * generator.standard_normal((height + 64, width + 64, 1)).repeat(3, axis=2)
        self._brighter, self._darker = (np.clip(np.round(part), 0, 255).astype(np.uint8) for part in (grain, -grain))
        self._mirrored, self._generator = subject.mirrored, generator

    def picture(self, layer: np.ndarray) -> np.ndarray:
        """uint8 ``[H, W, 3]`` RGB of a layer, uint8 ``[H, W, 4]`` (premultiplied RGB and matte)."""
        height, width = layer.shape[:2]
        row, column = self._generator.integers(64, size=2)
        part = slice(row, row + height), slice(column, column + width)
        red, green, blue, matte = cv2.split(layer)
        behind = cv2.multiply(self._backdrop, cv2.merge([cv2.bitwise_not(matte)] * 3), scale=1 / 255)
        picture = cv2.add(cv2.multiply(cv2.merge([red, green, blue]), self._light, scale=1 / 128), behind)
        picture = cv2.subtract(cv2.add(picture, self._brighter[part]), self._darker[part])
        return np.asarray(cv2.flip(picture, 1) if self._mirrored else picture)


def film(subject: Subject, label: str, mouth: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A clip's pictures, in which an expression grows and fades while the head sways and the mouth talks.

    Args:
        subject: who is seen.
        label: the feeling.
        mouth: how far talking opens the mouth in each picture, ``[T]``, 0 to 1.
        generator: chance.

    Returns:
        uint8 ``[T, 240 * 3 / 2, 320]``, the planes of yuv420p.
    """
    width, height = SIZE
    count = len(mouth)
    place = (width * subject.place[0] + generator.normal(0, 5), height * subject.place[1] + generator.normal(0, 3))
    face = AnimatedFace(subject, SIZE, subject.scale * generator.uniform(0.95, 1.05), place)
    camera = Camera(subject, SIZE, generator)
    height_of_feeling = {unit: value * subject.manner[0] for unit, value in apex(label, generator).items()}
    strength = envelope(count, generator)
    closed = blinks(count, generator, rate=0.5)
    talk = generator.uniform(0.1, 0.24)
    rest = _pose(generator)
    sway = np.array([2.5, 1.5, 0.03, 0.015, 2.5, 1.2]) * generator.uniform(0.3, 1.2)
    speed, start = generator.uniform(0.2, 0.7, 6), generator.uniform(0, 2 * np.pi, 6)
    pictures = np.empty((count, height * 3 // 2, width), np.uint8)
    for number in range(count):
        units = {unit: float(height_of_feeling[unit] * strength[number]) for unit in UNITS}
        units["au26"] = min(1.15, units["au26"] + talk * float(mouth[number]))
        units["blink"] = float(closed[number])
        pose = rest + sway * np.sin(2 * np.pi * speed * number / FRAME_RATE + start)
        pictures[number] = cv2.cvtColor(camera.picture(face.frame(units, pose)), cv2.COLOR_RGB2YUV_I420)
    return pictures


def portraits(subject: Subject, labels: tuple[str, ...], side: int, generator: np.random.Generator) -> list[np.ndarray]:
    """One face image of the subject per label, uint8 ``[side, side]`` grey, cropped to the face."""
    place = (side * generator.uniform(0.485, 0.515), side * generator.uniform(0.485, 0.515))
    face = AnimatedFace(subject, (side, side), side / generator.uniform(106, 116), place)
    camera = Camera(subject, (side, side), generator)
    images = []
    for label in labels:
        amount = generator.uniform(0.7, 1.0)
        units: _Units = {unit: value * amount for unit, value in apex(label, generator).items()} | {"blink": 0.0}
        images.append(cv2.cvtColor(camera.picture(face.frame(units, 0.5 * _pose(generator))), cv2.COLOR_RGB2GRAY))
    return images


def _pose(generator: np.random.Generator) -> np.ndarray:
    """A pose at rest: the amounts of :data:`affekt.samples.face.POSES`."""
    return generator.normal(0, [2.0, 1.5, 0.04, 0.02, 2.0, 1.5])


def _backdrop(subject: Subject, size: tuple[int, int]) -> np.ndarray:
    """A blurred background of two colours, float32 ``[H, W, 3]``."""
    generator = np.random.default_rng(subject.backdrop_seed)
    clouds = cv2.resize(generator.random((5, 7)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)[..., None]
    first, second = (np.array(colour, np.float32) for colour in subject.backdrop)
    return np.asarray(first + (second - first) * clouds)
