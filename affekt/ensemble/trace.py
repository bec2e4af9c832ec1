"""What may be kept of a clip and its answer: numbers and words of fixed meaning; no media, no name, no address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affekt.ensemble.face import Face
from affekt.media import PreparedClip

#: How the columns of functionals and of probabilities begin.
VOICE, PROBABILITY = "voice.", "probability."
#: The columns of one number each that are told of every clip, besides those of the voice.
NUMBERS = ("seconds", "sound_seconds", "level", "face_rate", "faces", "face_share", "face_pixels")


def trace(clip: PreparedClip, names: Sequence[str]) -> dict[str, Any]:
    """What is kept of a prepared clip, by column.

    ``voice.<name>`` are the functionals, nothing without a voice. ``seconds`` is the length of the clip and
    ``sound_seconds`` that of its sound, ``level`` its loudness where something is heard in it (dB of full scale),
    ``face_rate`` the share of frames with the face, ``faces`` the number of people seen, ``face_share`` the face's
    height as a share of the picture's and ``face_pixels`` in pixels. ``modalities`` is what could be used and ``flags``
    what was odd.

    Args:
        clip: a prepared clip.
        names: of its functionals.
    """
    face = Face.of(clip)
    used = [name for name, there in (("face", bool(clip.present.any())), ("voice", clip.voice)) if there]
    values = clip.functionals if clip.voice else np.full(len(names), np.nan)
    return {
        **{f"{VOICE}{name}": _number(value) for name, value in zip(names, values, strict=True)},
        "seconds": _number(clip.details.get("seconds")),
        "sound_seconds": _number(clip.details.get("sound_seconds")),
        "level": _number(clip.details.get("level")),
        "face_rate": float(clip.present.mean()) if len(clip.present) else None,
        "faces": float(face.people) if face else 0.0,
        "face_share": float(face.share) if face else None,
        "face_pixels": float(face.box[3]) if face else None,
        "modalities": "+".join(used),
        "flags": " ".join(sorted(clip.flags)),
    }


def answered(probabilities: Mapping[str, float]) -> dict[str, Any]:
    """What is kept of an answer: the probability of each label."""
    return {f"{PROBABILITY}{label}": float(value) for label, value in probabilities.items()}


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
