"""From what was seen in a clip and what was fused of it to the answer, with a word on whatever is odd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affekt.ensemble.among import only_among
from affekt.ensemble.answer import Answer
from affekt.ensemble.seen import WARNINGS, Seen
from affekt.errors import MediaError
from affekt.extensions import model_spec


def answer_of(
    clip: Seen,
    fused: np.ndarray,
    labels: Sequence[str],
    models: Sequence[str],
    *,
    known: tuple[str, ...],
    lies: str | None,
    max_pixels: int,
) -> Answer:
    """The answer for a clip.

    Args:
        clip: what was seen in it.
        fused: float64 ``[L]``, NaN where no model has an answer.
        labels: L names.
        models: M names.
        known: the labels that can be right; all where it is empty.
        lies: a word on how far the clip lies from what was learned from, where that is to be said.
        max_pixels: larger photographs were scaled down.

    Raises:
        MediaError: no model has an answer.
    """
    if np.isnan(fused).any():
        needed = sorted({" and ".join(model_spec(name).modalities) for name in models}, key=len)
        raise MediaError(
            f"no model has an answer; {', '.join(models)} need a usable {' or '.join(needed)}",
            code="nothing_usable",
            where=clip.where,
        )
    fused = only_among(fused, labels, known) if known else fused
    answered = [m for m in range(len(models)) if not np.isnan(clip.scores[m]).any()]
    used = {modality for m in answered for modality in model_spec(models[m]).modalities}
    return Answer(
        label=labels[int(fused.argmax())],
        probabilities=_named(labels, fused),
        models={models[m]: _named(labels, clip.scores[m]) for m in answered},
        modalities=tuple(name for name in ("face", "voice") if name in used),
        frames=clip.frames,
        frames_with_face=clip.frames_with_face,
        warnings=(
            *(WARNINGS.get(flag, flag.replace("_", " ")) for flag in clip.flags if flag != "several_faces"),
            *_scaled_down(clip.pixels, max_pixels),
            *(clip.face.warnings if clip.face else ()),
            *([lies] if lies else []),
        ),
        face=clip.face,
        known_labels=known,
    )


def _scaled_down(pixels: int, most: int) -> tuple[str, ...]:
    """A word on a photograph that is larger than a picture of a video may be."""
    return () if pixels <= most else (f"the picture of {pixels / 1e6:.0f} megapixels was scaled down",)


def _named(labels: Sequence[str], vector: np.ndarray) -> dict[str, float]:
    return {label: float(value) for label, value in zip(labels, vector, strict=True)}
