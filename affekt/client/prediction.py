"""What a server says of a clip, typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from affekt.errors import AffektError


@dataclass(frozen=True)
class Prediction:
    """What a server says of a clip.

    Attributes:
        label: the most probable label.
        confidence: its probability.
        probabilities: of each label.
        models: of each label, by each model alone.
        modalities: of ``face`` and ``voice``, those that were used.
        frames: that were decoded.
        frames_with_face: those with the face.
        warnings: sentences on what was missing or odd.
        face: the analysed face; None where the answer is from the voice alone.
        model: ``name``, ``version`` and ``digest`` of what answered.
        known_labels: those that were given as possible; none where all are.
        earlier_clips: of the named person, to which the answer is adapted; None where no person was named.
        request_id: by which the server's log knows the request.
        document: the whole answer.
    """

    label: str
    confidence: float
    probabilities: Mapping[str, float]
    models: Mapping[str, Mapping[str, float]]
    modalities: tuple[str, ...]
    frames: int
    frames_with_face: int
    warnings: tuple[str, ...]
    face: Mapping[str, Any] | None
    model: Mapping[str, str]
    known_labels: tuple[str, ...] = ()
    earlier_clips: int | None = None
    request_id: str = ""
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, document: Mapping[str, Any], request_id: str = "") -> Prediction:
        """The answer in a document.

        Raises:
            AffektError: ``bad_answer``: it is none.
        """
        optional = ("known_labels", "earlier_clips", "request_id", "document")
        names = [each.name for each in fields(cls) if each.name not in optional]
        try:
            values = {name: document[name] for name in names}
            values |= {name: tuple(values[name]) for name in ("modalities", "warnings")}
            values |= {"known_labels": tuple(document.get("known_labels", ()))}
        except KeyError as error:
            raise AffektError(f"the answer is not of an affekt model: it lacks {error}", code="bad_answer") from error
        except TypeError as error:
            raise AffektError(f"the answer is not of an affekt model: {error}", code="bad_answer") from error
        return cls(**values, earlier_clips=document.get("earlier_clips"), request_id=request_id, document=document)
