"""The invented people of the sample clips: how each looks and sounds, drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Subject:
    """One invented person.

    Attributes:
        name: ``s01``, ``s02`` ...
        mirrored: whether the picture is flipped.
        geometry: amounts of the shape fields (face width, eye distance, chin, nose, mouth, brows), photograph pixels.
        skin: gain and gamma of the skin; ``hair``: gain per channel; ``brow``: darkening of the brows.
        scale: picture pixels per pixel of the photograph; ``place``: where the face is, as shares of the picture.
        light: gains at the left, right, top and bottom of the picture; ``warmth``: red to blue balance.
        backdrop: two RGB colours and a seed of the background; ``grain``: its and the camera's noise, grey levels.
        pitch: base pitch of the voice, Hz; ``tract``: formants relative to an average voice; ``breath``: breathiness.
        manner: how strongly this person shows each feeling in face and voice.
    """

    name: str
    mirrored: bool
    geometry: tuple[float, ...]
    skin: tuple[float, float]
    hair: tuple[float, float, float]
    brow: float
    scale: float
    place: tuple[float, float]
    light: tuple[float, float, float, float]
    warmth: float
    backdrop: tuple[tuple[float, float, float], tuple[float, float, float]]
    backdrop_seed: int
    grain: float
    pitch: float
    tract: float
    breath: float
    manner: tuple[float, float]


# Gain per channel on hair that has lost half of its colour: blond, black, brown, fair, red, grey.
_HAIR = (
    (1.15, 1.0, 0.8),
    (0.4, 0.37, 0.36),
    (0.72, 0.55, 0.42),
    (1.3, 1.16, 0.9),
    (1.05, 0.62, 0.38),
    (1.02, 1.03, 1.08),
)
_SKIN = ((1.0, 1.0), (0.95, 1.25), (0.9, 1.6), (1.05, 0.9), (0.92, 1.4), (1.0, 1.1))


def make_subject(number: int, seed: int, *, stills: bool = False) -> Subject:
    """The subject of a number, the same for the same seed; those of the still images differ from those of the clips."""
    generator = np.random.default_rng([seed, number, 7919 if stills else 104729])
    high = (number + int(stills)) % 2 == 0
    hair = _HAIR[(number + seed) % len(_HAIR)] if not stills else _HAIR[generator.integers(len(_HAIR))]
    skin = (
        _SKIN[(2 * number + number // 6 + seed) % len(_SKIN)] if not stills else _SKIN[generator.integers(len(_SKIN))]
    )
    tint = generator.uniform(50, 205, (2, 1)) + generator.uniform(-28, 28, (2, 3))
    return Subject(
        name=f"s{number + 1:02d}",
        mirrored=bool(generator.random() < 0.5),
        geometry=tuple(generator.uniform(-1, 1, 6).round(3).tolist()),
        skin=(skin[0] * generator.uniform(0.95, 1.05), skin[1] * generator.uniform(0.93, 1.07)),
        hair=(hair[0] * generator.uniform(0.9, 1.1), hair[1] * generator.uniform(0.9, 1.1), hair[2]),
        brow=generator.uniform(0.35, 0.75),
        scale=generator.uniform(1.12, 1.5),
        place=(generator.uniform(0.43, 0.57), generator.uniform(0.5, 0.56)),
        light=tuple(generator.uniform(0.78, 1.15, 4).tolist()),
        warmth=generator.uniform(-0.06, 0.06),
        backdrop=(tuple(tint[0].tolist()), tuple(tint[1].tolist())),
        backdrop_seed=int(generator.integers(1 << 31)),
        grain=generator.uniform(1.5, 4.0),
        pitch=generator.uniform(185, 225) if high else generator.uniform(100, 130),
        tract=generator.uniform(1.08, 1.2) if high else generator.uniform(0.94, 1.04),
        breath=generator.uniform(0.0, 1.0),
        manner=(generator.uniform(0.85, 1.1), generator.uniform(0.8, 1.15)),
    )
