"""Why an ensemble answers as it does: where on the face, which descriptors of the voice, which of its models.

The numbers are those of the answer: nothing is computed by another way than it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from affekt.ensemble.answer import Answer
from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.seen import Seen
from affekt.errors import MediaError
from affekt.extensions import model_spec, named
from affekt.media import PreparedClip
from affekt.media.contours import contour_names
from affekt.media.functionals import feature_set
from affekt.models.classifier import ClassifierMember
from affekt.models.explainer import Explainer
from affekt.models.shapley import shapley_values

#: Frames that are drawn at most, and descriptors that are named for and against each.
MOST_FRAMES, MOST_DESCRIPTORS = 8, 10


class Explanations:
    """Explains the answers of an ensemble; what it needs besides is read once, when it is first asked for.

    Args:
        ensemble: that answers.
    """

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble

    def of(
        self, clip: PreparedClip, seen: Seen, answer: Answer, *, label: str | None = None, frames: int = 3
    ) -> dict[str, Any]:
        """The explanation of an answer, as plain JSON values.

        Args:
            clip: that was seen.
            seen: what was seen in it.
            answer: what was answered.
            label: what is explained; the answered one by default.
            frames: how many faces are drawn, 0 to :data:`MOST_FRAMES`.

        Returns:
            ``label``; ``face``, by model a list of ``time`` (seconds) and ``png`` (base64, Grad-CAM over the face);
            ``voice``, by model the ``reference`` and the answered ``probability`` of the label, and of the descriptors
            with the largest share in their difference ``name``, ``value``, ``reference`` and ``share``, with the
            ``rest`` of all others; ``models``, by model its ``probability`` and the fused one ``without`` it.

        Raises:
            MediaError: ``bad_label``, ``bad_frames``.
        """
        label = label or answer.label
        if label not in self.ensemble.labels:
            known = ", ".join(self.ensemble.labels)
            raise MediaError(f"{label[:80]!r} is none of the labels {known}", code="bad_label")
        if not 0 <= frames <= MOST_FRAMES:
            raise MediaError(f"expected a number of frames from 0 to {MOST_FRAMES}, got {frames}", code="bad_frames")
        return {
            "label": label,
            "face": self._face(clip, label, frames),
            "voice": self._voice(clip, label),
            "models": self._models(seen, answer, label),
        }

    def _face(self, clip: PreparedClip, label: str, count: int) -> dict[str, list[dict[str, Any]]]:
        there = clip.face_frames
        if not len(there) or not count:
            return {}
        places = np.unique(np.linspace(0, len(there) - 1, count + 2).round().astype(int)[1:-1])
        return {
            name: [
                {
                    "time": round(float(clip.times[frame]), 3),
                    "png": base64.b64encode(explainer.grad_cam(np.asarray(clip.faces[frame]), label)).decode(),
                }
                for frame in there[places]
            ]
            for name, explainer in self._explainers.items()
        }

    def _voice(self, clip: PreparedClip, label: str) -> dict[str, dict[str, Any]]:
        if not clip.voice or self._usual is None:
            return {}
        found = {}
        features = feature_set(self.ensemble.settings.media.functionals)
        functionals = np.array([self._usual.get(each, 0.0) for each in features.names])
        for name, member in self._classifiers.items():
            row = member.row_of(clip)
            names, usual = list(features.names), functionals
            if row is not None and len(row) > len(names) and member.usual is not None:
                names += contour_names(getattr(features, "frame_names", ()))
                usual = np.concatenate([usual, member.usual[len(usual) :]])
            if row is None or len(row) != len(names):
                continue
            place = member.labels.index(label)

            def probability(rows: np.ndarray, member: ClassifierMember = member, place: int = place) -> np.ndarray:
                return member.score_rows(rows)[:, place]

            shares = shapley_values(probability, row, usual)
            largest = np.argsort(-np.abs(shares))[:MOST_DESCRIPTORS]
            found[name] = {
                "reference": float(probability(usual[None])[0]),
                "probability": float(probability(row[None])[0]),
                "descriptors": [
                    {
                        "name": names[at],
                        "value": float(row[at]),
                        "reference": float(usual[at]),
                        "share": float(shares[at]),
                    }
                    for at in largest
                ],
                "rest": float(shares.sum() - shares[largest].sum()),
            }
        return found

    def _models(self, seen: Seen, answer: Answer, label: str) -> dict[str, dict[str, float | None]]:
        found: dict[str, dict[str, float | None]] = {}
        for name, probabilities in answer.models.items():
            scores = seen.scores.copy()
            scores[self.ensemble.models.index(name)] = np.nan
            fused = self.ensemble.fused(scores[None], seen.distances_of(self.ensemble.models)[None])[0]
            without = None if np.isnan(fused).any() else float(fused[self.ensemble.labels.index(label)])
            found[name] = {"probability": probabilities[label], "without": without}
        return found

    @cached_property
    def _explainers(self) -> dict[str, Explainer]:
        folder = self.ensemble.folder / "members"
        members = [name for name in self.ensemble.manifest["members"] if model_spec(name).explain]
        return {name: named(model_spec(name).explain, f"the model {name!r}")(folder / name) for name in members}

    @cached_property
    def _classifiers(self) -> Mapping[str, ClassifierMember]:
        return {
            name: member
            for name in self.ensemble.models
            if isinstance(member := self.ensemble.member(name), ClassifierMember)
        }

    @cached_property
    def _usual(self) -> Mapping[str, float] | None:
        """The mean of each descriptor in what the ensemble learned from; None where it keeps no traces of that."""
        from affekt.ensemble.records import REFERENCE, read_table  # heavy: pandas, for explanations alone
        from affekt.ensemble.trace import VOICE  # as above

        path = self.ensemble.folder / REFERENCE
        if not path.is_file():
            return None
        means = {str(name): float(value) for name, value in read_table(path).mean(numeric_only=True).items()}
        return {name.removeprefix(VOICE): float(value) for name, value in means.items() if str(name).startswith(VOICE)}
