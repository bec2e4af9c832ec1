"""Wrong answers as a document: the most confident ones, and the labels that are taken for one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affekt.json_document import JsonDocument


@dataclass(frozen=True)
class Mistake(JsonDocument):
    """A wrong answer: the clip, its subject and label, the answered label, and the probabilities of both labels."""

    clip: str
    subject: str
    label: str
    predicted: str
    confidence: float
    probability_of_label: float


@dataclass(frozen=True)
class Said(JsonDocument):
    """What one model says of a clip: its label, and how sure it is."""

    label: str
    confidence: float


@dataclass(frozen=True)
class ConfusedClip(JsonDocument):
    """A clip of a pair of labels that are confused: its subject, how sure the answer is, and what each model says."""

    clip: str
    subject: str
    confidence: float
    models: Mapping[str, Said | None]


@dataclass(frozen=True)
class ConfusedPair(JsonDocument):
    """A label that is often taken for another one.

    Attributes:
        label, predicted: the true one and the answered one.
        clips: that are answered so; ``share``: of all clips of that label.
        examples: the surest of them.
    """

    label: str
    predicted: str
    clips: int
    share: float
    examples: tuple[ConfusedClip, ...]
