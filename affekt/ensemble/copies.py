"""Clips of a person in which the same is seen to the last bit, as in copies of one file: they are one clip."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def copies_among(subjects: Sequence[str], seen: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Which rows are the first of their kind, int ``[K]``, and the place among these of the kind of each, int ``[N]``.

    Args:
        subjects: N names; a clip without one (``""``) is a copy of none.
        seen: N arrays, what is seen in each clip; one in which nothing is, all NaN, is a copy of none.
    """
    places: dict[Hashable, int] = {}
    first: list[int] = []
    kinds = np.empty(len(subjects), dtype=int)
    for row, (name, array) in enumerate(zip(subjects, seen, strict=True)):
        alone = not name or bool(np.isnan(array).all())
        kind: Hashable = row if alone else (name, array.tobytes())
        if kind not in places:
            places[kind] = len(first)
            first.append(row)
        kinds[row] = places[kind]
    return np.array(first, dtype=int), kinds
