"""What a person's earlier clips showed, as counts, means and variances: no clip, no label, no answer of one is kept.

By a digest of what was seen in it a clip is known that comes again, as where a request was repeated: it counts once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from affekt.classifiers import Moments
from affekt.ensemble.seen import Seen
from affekt.fusion.person import PersonFusion, adapted_after, logs_of
from affekt.models.members import Members

#: Digests that are kept of a person's clips: a clip from before so many others counts anew.
_KINDS = 200


@dataclass(frozen=True)
class Earlier:
    """Of the clips of one person that were answered before.

    Attributes:
        clips: how many there were.
        said: by model, of the logarithms ``[L]`` of what it answered.
        rows: by model that adapts a person's clips to each other, of the features ``[F]`` by which it does.
        fused: of the logarithms ``[L]`` of the fused answers, before what they have in common was taken away.
        kinds: of the last clips, a digest each of what was seen.
    """

    clips: int = 0
    said: Mapping[str, Moments] = field(default_factory=dict)
    rows: Mapping[str, Moments] = field(default_factory=dict)
    fused: Moments | None = None
    kinds: tuple[str, ...] = ()

    @classmethod
    def of(cls, seen: Seen, models: Sequence[str], fused: np.ndarray | None = None) -> Earlier:
        """What one clip shows, in which a model has an answer.

        Args:
            seen: in the clip.
            models: M names, of its scores.
            fused: float64 ``[L]``, the fused answer; None where there is none yet.
        """
        answers = {name: row for name, row in zip(models, seen.scores, strict=True) if not np.isnan(row).any()}
        said = {name: Moments.of(logs_of(vector)[np.newaxis]) for name, vector in answers.items()}
        rows = {name: Moments.of(row[np.newaxis]) for name, row in seen.rows.items() if name in answers}
        found = cls(1, said, rows, kinds=(_kind(seen),))
        return found if fused is None else found.with_fused(fused)

    def with_fused(self, fused: np.ndarray) -> Earlier:
        """One clip with its fused answer ``[L]``."""
        return replace(self, fused=Moments.of(logs_of(fused)[np.newaxis]))

    def holds(self, clip: Earlier) -> bool:
        """Whether one clip is among these, in which the same was seen to the last bit."""
        return bool(clip.kinds) and set(clip.kinds) <= set(self.kinds)

    def without(self, clip: Earlier) -> Earlier:
        """What is left but for one clip that is among them; of the fused answers, where it has one."""
        said, rows = _left(self.said, clip.said), _left(self.rows, clip.rows)
        fused = self.fused.without(clip.fused) if self.fused and clip.fused else self.fused
        kinds = tuple(kind for kind in self.kinds if kind not in clip.kinds)
        return Earlier(self.clips - clip.clips, said, rows, fused, kinds)

    def joined(self, other: Earlier) -> Earlier:
        """What these clips and the others show together; what is among these adds nothing."""
        if self.holds(other):
            return self
        said, rows = _joined(self.said, other.said), _joined(self.rows, other.rows)
        fused = self.fused.joined(other.fused) if self.fused and other.fused else self.fused or other.fused
        return Earlier(self.clips + other.clips, said, rows, fused, (*self.kinds, *other.kinds)[-_KINDS:])

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; no bit is lost."""
        kinds = {"said": self.said, "rows": self.rows}
        documents = {kind: {name: each.to_dict() for name, each in found.items()} for kind, found in kinds.items()}
        fused = self.fused.to_dict() if self.fused else None
        return {"clips": self.clips, **documents, "fused": fused, "kinds": list(self.kinds)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Earlier:
        """What :meth:`to_dict` gave; nothing was earlier where it is empty."""
        if not document:
            return cls()
        said, rows = (
            {name: Moments.from_dict(each) for name, each in document[kind].items()} for kind in ("said", "rows")
        )
        fused = document["fused"]
        moments = Moments.from_dict(fused) if fused else None
        return cls(int(document["clips"]), said, rows, moments, tuple(document["kinds"]))


@dataclass(frozen=True)
class After:
    """The answer to one more clip of a person.

    Attributes:
        fused: float64 ``[L]``.
        clips: to how many others it is adapted.
        again: whether the clip is one of the earlier ones.
        shown: what it adds to what is known of the person.
    """

    fused: np.ndarray
    clips: int
    again: bool
    shown: Earlier


def fused_after(seen: Seen, models: Sequence[str], members: Members, fusion: PersonFusion, earlier: Earlier) -> After:
    """The fused answer to one more clip of a person; one that is among the earlier ones is answered by the others.

    Args:
        seen: in the clip.
        models: M names, of its scores.
        members: who answered.
        fusion: that adapts to a person.
        earlier: what the person's earlier clips showed.
    """
    shown = Earlier.of(seen, models)
    again = earlier.holds(shown)
    others = earlier.without(shown) if again else earlier
    adapted = scores_after(seen, models, members, others)
    _, mixed = fusion.predict_after(seen.scores, adapted, others.clips, None)
    shown = shown.with_fused(mixed)
    common = earlier.without(shown).fused if again else earlier.fused
    fused, _ = fusion.predict_after(seen.scores, adapted, others.clips, common)
    return After(fused, others.clips, again, Earlier() if again else shown)


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


def _kind(seen: Seen) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(seen.scores).tobytes(), digest_size=8)
    for name in sorted(seen.rows):
        digest.update(np.ascontiguousarray(seen.rows[name]).tobytes())
    return digest.hexdigest()


def _left(mine: Mapping[str, Moments], theirs: Mapping[str, Moments]) -> dict[str, Moments]:
    left = {name: found.without(theirs[name]) if name in theirs else found for name, found in mine.items()}
    return {name: found for name, found in left.items() if found is not None}


def _joined(mine: Mapping[str, Moments], theirs: Mapping[str, Moments]) -> dict[str, Moments]:
    both = {name: mine[name].joined(found) for name, found in theirs.items() if name in mine}
    return {**mine, **theirs, **both}
