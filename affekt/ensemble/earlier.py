"""What a person's earlier clips showed, as counts, means and variances: no clip, no label, no answer of one is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from affekt.classifiers import Moments
from affekt.ensemble.seen import Seen
from affekt.fusion.person import adapted_after, logs_of
from affekt.models.members import Members


@dataclass(frozen=True)
class Earlier:
    """Of the clips of one person that were answered before.

    Attributes:
        clips: how many there were.
        said: by model, of the logarithms ``[L]`` of what it answered.
        rows: by model that adapts a person's clips to each other, of the features ``[F]`` by which it does.
        fused: of the logarithms ``[L]`` of the fused answers, before what they have in common was taken away.
    """

    clips: int = 0
    said: Mapping[str, Moments] = field(default_factory=dict)
    rows: Mapping[str, Moments] = field(default_factory=dict)
    fused: Moments | None = None

    @classmethod
    def of(cls, seen: Seen, models: Sequence[str], fused: np.ndarray) -> Earlier:
        """What one clip shows, in which a model has an answer.

        Args:
            seen: in the clip.
            models: M names, of its scores.
            fused: float64 ``[L]``, the fused answer.
        """
        answers = {name: row for name, row in zip(models, seen.scores, strict=True) if not np.isnan(row).any()}
        said = {name: Moments.of(logs_of(vector)[np.newaxis]) for name, vector in answers.items()}
        rows = {name: Moments.of(row[np.newaxis]) for name, row in seen.rows.items() if name in answers}
        return cls(1, said, rows, Moments.of(logs_of(fused)[np.newaxis]))

    def joined(self, other: Earlier) -> Earlier:
        """What these clips and the others show together."""
        said, rows = _joined(self.said, other.said), _joined(self.rows, other.rows)
        fused = self.fused.joined(other.fused) if self.fused and other.fused else self.fused or other.fused
        return Earlier(self.clips + other.clips, said, rows, fused)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; no bit is lost."""
        kinds = {"said": self.said, "rows": self.rows}
        documents = {kind: {name: each.to_dict() for name, each in found.items()} for kind, found in kinds.items()}
        return {"clips": self.clips, **documents, "fused": self.fused.to_dict() if self.fused else None}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Earlier:
        """What :meth:`to_dict` gave; nothing was earlier where it is empty."""
        if not document:
            return cls()
        said, rows = (
            {name: Moments.from_dict(each) for name, each in document[kind].items()} for kind in ("said", "rows")
        )
        fused = document["fused"]
        return cls(int(document["clips"]), said, rows, Moments.from_dict(fused) if fused else None)


def scores_after(seen: Seen, models: Sequence[str], members: Members, earlier: Earlier) -> np.ndarray:
    """Each model's answer to one more clip of a person, adapted to the person, float64 ``[M, L]``.

    By features of a model that does so, else by its answers; as all of the person's clips would be among each other.

    Args:
        seen: in the clip.
        models: M names, of its scores.
        members: who answered.
        earlier: what the person's earlier clips showed.
    """
    adapted = seen.scores.copy()
    for number, name in enumerate(models):
        vector, row = seen.scores[number], seen.rows.get(name)
        by_features = None
        if row is not None:
            by_features = members.score_after(name, row, vector, earlier.rows[name]) if name in earlier.rows else vector
        if by_features is not None:
            adapted[number] = by_features
        elif name in earlier.said and not np.isnan(vector).any():
            adapted[number] = adapted_after(vector, earlier.said[name])
    return adapted


def _joined(mine: Mapping[str, Moments], theirs: Mapping[str, Moments]) -> dict[str, Moments]:
    both = {name: mine[name].joined(found) for name, found in theirs.items() if name in mine}
    return {**mine, **theirs, **both}
