"""Emotions as action units of the face (Ekman & Friesen's numbering), growing and fading in time.

These are textbook prototypes with plenty of scatter around them; they make clips that look alike, not clips that teach
anything about people.
"""

from __future__ import annotations

import numpy as np

#: Intensities from 0 to 1; ``part`` is AU 25, lips part.
PROTOTYPES: dict[str, dict[str, float]] = {
    "angry": {"au4": 1.0, "au7": 0.8, "au23": 0.9, "au17": 0.3, "au9": 0.15},
    "disgust": {"au9": 1.0, "au10": 1.0, "au4": 0.45, "au7": 0.4, "au15": 0.35, "part": 0.2},
    "fear": {"au1": 1.0, "au2": 0.5, "au4": 0.5, "au5": 1.0, "au20": 1.0, "au26": 0.3, "part": 0.5},
    "happy": {"au12": 1.0, "au6": 0.9, "au7": 0.2, "part": 0.9, "au26": 0.05},
    "sad": {"au1": 1.0, "au4": 0.35, "au15": 1.0, "au17": 0.6, "au43": 0.3},
    "surprise": {"au1": 1.0, "au2": 1.0, "au5": 0.9, "au26": 1.0, "part": 0.4},
    "neutral": {},
}
UNITS = ("au1", "au2", "au4", "au5", "au6", "au7", "au9", "au10", "au12", "au15", "au17", "au20", "au23", "au26",
         "au43", "part")  # fmt: skip


def apex(label: str, generator: np.random.Generator, *, scatter: float = 1.0) -> dict[str, float]:
    """The intensities at the height of one clip's expression: the prototype, scaled, mixed and disturbed by chance."""
    strength = 1.0 - 0.55 * scatter * generator.beta(1.6, 3.0)
    other = str(generator.choice([name for name in PROTOTYPES if name != label]))
    blend = 0.4 * scatter * generator.beta(0.8, 2.4)
    intensities = {}
    for unit in UNITS:
        value = PROTOTYPES[label].get(unit, 0.0) * strength * (1 - blend) + PROTOTYPES[other].get(unit, 0.0) * blend
        value *= 1.0 + 0.25 * scatter * generator.standard_normal()
        value += 0.06 * scatter * abs(generator.standard_normal())
        intensities[unit] = float(np.clip(value, 0.0, 1.15))
    return intensities


def envelope(frames: int, generator: np.random.Generator) -> np.ndarray:
    """How the expression grows, holds and fades: float32 ``[frames]`` from 0 to 1."""
    time = np.linspace(0, 1, frames)
    onset, rise = generator.uniform(0.0, 0.2), generator.uniform(0.15, 0.35)
    offset, fall = generator.uniform(0.75, 1.0), generator.uniform(0.15, 0.3)
    shape = _smoothstep((time - onset) / rise) * (1 - _smoothstep((time - offset) / fall))
    wobble = 1 + 0.08 * np.sin(2 * np.pi * (time * generator.uniform(1, 3) + generator.uniform()))
    return np.asarray(shape * wobble, np.float32)


def blinks(frames: int, generator: np.random.Generator, *, rate: float) -> np.ndarray:
    """Eye closure by blinking, float32 ``[frames]`` from 0 to 1; ``rate`` in blinks a second."""
    closed = np.zeros(frames, np.float32)
    frame = np.arange(frames)
    for _ in range(generator.poisson(rate * frames / 25)):
        middle = generator.uniform(0, frames)
        closed = np.maximum(closed, np.clip(1.4 - np.abs(frame - middle) / 2.0, 0, 1)).astype(np.float32)
    return closed


def _smoothstep(position: np.ndarray) -> np.ndarray:
    clipped = np.clip(position, 0, 1)
    return np.asarray(clipped * clipped * (3 - 2 * clipped))
