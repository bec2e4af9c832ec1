"""From what each member says of a clip to what an ensemble keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affekt.ensemble.face import Face
from affekt.ensemble.seen import Seen
from affekt.media import PreparedClip
from affekt.models.member import Scored


def stacked(vectors: Mapping[str, np.ndarray | None], models: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Float64 ``[M, L]``: the vector of each model, NaN where it has none.

    Args:
        vectors: of members, by name.
        models: M names.
        labels: L names.
    """
    missing = np.full(len(labels), np.nan)
    found = [vectors.get(name) for name in models]
    return np.stack([missing if vector is None else vector for vector in found])


def seen_in(
    clip: PreparedClip, where: str, looked: Mapping[str, Scored], models: Sequence[str], labels: Sequence[str]
) -> Seen:
    """What is kept of a clip that members looked at.

    Args:
        clip: as it was prepared.
        where: what an error calls it.
        looked: what members say of it, by name; some may only feed others.
        models: names of those that are fused.
        labels: names of what they tell apart.
    """
    pixels = int(clip.details.get("width", 0)) * int(clip.details.get("height", 0))
    present = clip.present
    rows = {name: said.row for name, said in looked.items() if said.row is not None and name in models}
    distances = {name: said.distance for name, said in looked.items() if said.distance is not None and name in models}
    scores = stacked({name: said.vector for name, said in looked.items()}, models, labels)
    face = Face.of(clip)
    return Seen(where, scores, len(present), int(present.sum()), clip.flags, face, pixels, rows, distances)
