"""What is made of the answers of members: fused, adapted to a person, and trusted as far as a clip is like others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.depth import DEPTH, Depth
from affekt.ensemble.seen import Seen
from affekt.errors import DataError
from affekt.fusion import Fusion, PersonFusion
from affekt.fusion.person import ADAPTATION
from affekt.score_table import ScoreTable

_PERSON = "fusion_person"


@dataclass(frozen=True)
class Fusions:
    """The fusions of an ensemble. Load them with :meth:`load`.

    Attributes:
        folder: of the ensemble.
        models: the M members that are fused.
        alone: fuses a clip by itself.
        person: fuses clips of one person that are adapted to each other; None of an ensemble without.
        depth: how far an answer is trusted; None likewise.
    """

    folder: Path
    models: tuple[str, ...]
    alone: Fusion
    person: PersonFusion | None = None
    depth: Depth | None = None

    @classmethod
    def load(cls, folder: Path, manifest: Mapping[str, Any]) -> Fusions:
        """Those in the folder of an ensemble with this manifest.

        Raises:
            DataError: a file is missing or damaged.
        """
        alone, files = Fusion.load(folder / "fusion"), manifest["files"]
        adapted = None
        if f"{_PERSON}/fusion.json" in files:
            evens = int(manifest.get("adaptation", 1)) >= ADAPTATION
            adapted = PersonFusion(alone, Fusion.load(folder / _PERSON), evens)
        depth = Depth.read(folder) if DEPTH in files else None
        return cls(folder, tuple(manifest["models"]), alone, adapted, depth)

    def of_clip(self, seen: Seen) -> np.ndarray:
        """Float64 ``[L]``: what is fused of a clip before anything is known of its label."""
        return self.trusted(seen, self.alone.predict(seen.scores[np.newaxis])[0])

    def of_scores(self, scores: np.ndarray, distances: np.ndarray | None) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of scores ``[N, M, L]``; ``distances`` ``[N, M]`` are those of the models."""
        return self._trusted(self.alone.predict(scores), distances)

    def of_people(self, table: ScoreTable) -> np.ndarray:
        """Fused probabilities ``[N, L]`` of a table whose subjects' clips are adapted to each other.

        Raises:
            DataError: there is no adaptation.
        """
        answers = self.adaptation().predict(table.scores, table.subjects, known=table.person)
        return self._trusted(answers, table.distance)

    def adaptation(self) -> PersonFusion:
        """The fusion of clips of one person.

        Raises:
            DataError: ``no_adaptation``.
        """
        if self.person is None:
            raise DataError(
                "the ensemble has no adaptation to a person: it was stored before there was one, or nothing was fitted "
                "on clips; train it again",
                code="no_adaptation",
                where=str(self.folder),
            )
        return self.person

    def trusted(self, seen: Seen, answer: np.ndarray) -> np.ndarray:
        """A clip's fused probabilities ``[L]`` as far as its distances let them be trusted."""
        if self.depth is None:
            return answer
        distances = seen.distances_of(self.depth.models)
        trusted: np.ndarray = self.depth.trusted(answer[np.newaxis], distances[np.newaxis])[0]
        return trusted

    def told(self, seen: Seen) -> str | None:
        """A word on a clip that is unlike those that were learned from; None of another."""
        return None if self.depth is None else self.depth.told(seen)

    def unlike(self, distances: np.ndarray | None) -> np.ndarray | None:
        """Bool ``[N]``: which clips of distances ``[N, M]`` are unlike those learned from; None where none is known."""
        if self.depth is None or distances is None:
            return None
        told = self.depth.of(self.models, distances)
        return None if np.isnan(told).all() else self.depth.unlike(told)

    def _trusted(self, answers: np.ndarray, distances: np.ndarray | None) -> np.ndarray:
        if self.depth is None or distances is None:
            return answers
        return self.depth.trusted(answers, self.depth.of(self.models, distances))
