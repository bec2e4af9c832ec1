"""Clips of one person that are all there, answered among each other; what :mod:`affekt.ensemble.earlier` is for more.

Copies of a clip count once, and are told so, as is a clip beside which there is no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affekt.classifiers import rows_of
from affekt.ensemble.copies import copies_among
from affekt.ensemble.seen import Seen
from affekt.fusion.person import PersonFusion
from affekt.models.members import Members

COPY = "the same is seen as in another clip of the person, of which it is a copy: it counts once"
ALONE = "no other clip of the person can be used: answered from this one alone"


@dataclass(frozen=True)
class Adapted:
    """The fused answer to one of the clips.

    Attributes:
        fused: float64 ``[L]``; NaN where no model has an answer.
        warnings: that stand before those of the plain answer.
    """

    fused: np.ndarray
    warnings: tuple[str, ...]


def person_scores(
    scores: np.ndarray,
    rows: Sequence[Mapping[str, np.ndarray]],
    subjects: Sequence[str],
    models: Sequence[str],
    members: Members,
) -> np.ndarray | None:
    """What the models answer that adapt to a person by features, float64 ``[N, M, L]``; NaN for the others.

    None where none of them does.

    Args:
        scores: float64 ``[N, M, L]``, each model's answers to the clips.
        rows: of each clip, ``rows`` of :class:`affekt.ensemble.seen.Seen`.
        subjects: N names; clips without one (``""``) are not adapted.
        models: M names.
        members: who answered.
    """
    if not any(rows):
        return None
    known = np.full(scores.shape, np.nan)
    for own in rows_of(subjects):
        for number, name in enumerate(models):
            there = [clip for clip in own if name in rows[clip]]
            if there:
                theirs = [rows[clip][name] for clip in there]
                first, kinds = copies_among(["person"] * len(there), theirs)
                vectors = scores[np.array(there)[first], number]
                known[there, number] = members.score_person(name, np.stack(theirs)[first], vectors)[kinds]
    return known


def adapted_together(
    clips: Sequence[Seen], models: Sequence[str], members: Members, fusion: PersonFusion
) -> list[Adapted]:
    """The fused answer to each of a person's clips.

    Args:
        clips: what was seen in each.
        models: M names, of their scores.
        members: who answered.
        fusion: that adapts to a person.
    """
    if not clips:
        return []
    first, kinds = copies_among(["person"] * len(clips), [clip.scores for clip in clips])
    of_kind = [clips[row] for row in first]
    scores, one = np.stack([clip.scores for clip in of_kind]), ["person"] * len(of_kind)
    known = person_scores(scores, [clip.rows for clip in of_kind], one, models, members)
    fused = fusion.predict(scores, one, known=known)
    alone = (~np.isnan(fused).any(axis=1)).sum() == 1  # whatever copies of it there are
    return [
        Adapted(vector, (() if row in first else (COPY,)) + ((ALONE,) if alone else ()))
        for row, vector in enumerate(fused[kinds])
    ]
