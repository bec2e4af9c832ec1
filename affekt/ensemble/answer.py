"""What an ensemble says of one clip, as a value and as a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from affekt.ensemble.face import Face


@dataclass(frozen=True)
class Answer:
    """What the ensemble says of one clip.

    Attributes:
        label: the most probable label.
        probabilities: the fused probability of each label.
        models: each answering model's probability of each label.
        modalities: of ``face`` and ``voice``, those that were used.
        frames: decoded frames.
        frames_with_face: those in which the person's face was found.
        warnings: sentences on what was missing or odd.
        face: the analysed face; None where the answer is from the voice alone.
        known_labels: those among which it was asked for, where that was said; the probability of the others is 0, and
            each model's own is not scaled.
        earlier_clips: to so many earlier clips of the person it is adapted; None where no person was named. The
            models' own answers are not adapted.
    """

    label: str
    probabilities: dict[str, float]
    models: dict[str, dict[str, float]]
    modalities: tuple[str, ...]
    frames: int
    frames_with_face: int
    warnings: tuple[str, ...]
    face: Face | None = None
    known_labels: tuple[str, ...] = ()
    earlier_clips: int | None = None

    @property
    def confidence(self) -> float:
        """The probability of the answered label."""
        return self.probabilities[self.label]

    def to_dict(self) -> dict[str, Any]:
        """The answer as one entry of the ``results`` that ``affekt predict --json`` prints."""
        return {
            "label": self.label,
            "confidence": self.confidence,
            "probabilities": self.probabilities,
            "models": self.models,
            "modalities": list(self.modalities),
            "frames": self.frames,
            "frames_with_face": self.frames_with_face,
            "warnings": list(self.warnings),
            "face": self.face.to_dict() if self.face else None,
            **({"known_labels": list(self.known_labels)} if self.known_labels else {}),
            **({"earlier_clips": self.earlier_clips} if self.earlier_clips is not None else {}),
        }
