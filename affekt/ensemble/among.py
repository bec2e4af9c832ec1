"""Answers where it is known that only some of the labels can be right: of a study that shows four emotions, say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affekt.dataset.labels import canonical_label, in_order
from affekt.errors import DataError, UsageError


def labels_among(labels: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The labels that can be right, in the order of the model's.

    Args:
        labels: those that a model tells apart.
        known: those that can be right, in any known spelling.

    Raises:
        DataError: ``unknown_label``: a word is no label (the nearest one is named), or the model does not know it;
            ``too_few_labels``: fewer than two are left to tell apart.
        UsageError: ``known`` is a text, or holds something else than texts.
    """
    if isinstance(known, str):
        raise UsageError(f"expected a list of labels, such as {list(labels[:2])}, got the text {known!r}", code="usage")
    if other := [word for word in known if not isinstance(word, str)]:
        raise UsageError(f"expected labels, such as {list(labels[:2])}, got {other[0]!r:.80}", code="usage")
    words = [word.strip() for word in known if word.strip()]
    wanted = in_order(canonical_label(word) for word in words)
    strange = [label for label in wanted if label not in labels]
    if strange:
        raise DataError(
            f"the model did not learn {', '.join(strange)}; it tells apart {', '.join(labels)}", code="unknown_label"
        )
    if len(wanted) < 2:
        raise DataError(
            f"expected two labels or more of {', '.join(labels)}, got {', '.join(wanted) or 'none'}: one alone leaves "
            "nothing to tell apart",
            code="too_few_labels",
        )
    return tuple(label for label in labels if label in wanted)


def only_among(probabilities: np.ndarray, labels: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Probabilities ``[…, L]`` scaled so that those of the known labels have the sum one; the others become zero.

    Fused vectors are scaled, not the models' own: a fitted fusion learned from vectors of all labels. Where the known
    labels had no probability at all they share it alike. NaN stays, and so it is where none of the labels is known.

    Args:
        probabilities: over ``labels``.
        labels: L names.
        known: those that can be right.
    """
    mask = np.array([label in known for label in labels])
    if not mask.any():
        return np.full(np.shape(probabilities), np.nan)
    kept = np.where(mask, probabilities, 0.0)
    sums = kept.sum(axis=-1, keepdims=True)
    scaled: np.ndarray = np.where(sums > 0, kept / np.where(sums > 0, sums, 1), mask / mask.sum())
    return np.where(np.isnan(probabilities).any(axis=-1, keepdims=True), np.nan, scaled)


def only_possible(
    probabilities: np.ndarray, labels: Sequence[str], clips: Sequence[str], possible: Mapping[str, Sequence[str]]
) -> np.ndarray:
    """Probabilities ``[N, …, L]`` of clips, each among the labels that it could have; others are as they were.

    Args:
        probabilities: over ``labels``.
        labels: L names.
        clips: N ids.
        possible: of :func:`affekt.dataset.several.possible_labels`.
    """
    found = np.array(probabilities, dtype=float)
    for known in {tuple(possible[clip]) for clip in clips if possible.get(clip)}:
        rows = [row for row, clip in enumerate(clips) if tuple(possible.get(clip, ())) == known]
        found[rows] = only_among(found[rows], labels, known)
    return found
