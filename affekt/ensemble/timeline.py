"""What an ensemble says of a clip in the course of time: of each window by the face, by the voice, and by both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from affekt.ensemble.ensemble import Ensemble
from affekt.ensemble.seen import Seen
from affekt.errors import MediaError
from affekt.extensions import model_spec
from affekt.media.deadline import Deadline
from affekt.media.windows import bounds_of, windows_of

#: Seconds of a window, where nothing else is said; and windows of one clip at most.
EVERY, MOST_WINDOWS = 2.0, 120


def timeline(ensemble: Ensemble, path: Path, every: float, deadline: Deadline) -> dict[str, Any]:
    """The windows of a clip, each with its answer, as plain JSON values.

    Args:
        ensemble: that is asked.
        path: of the clip.
        every: seconds of a window.
        deadline: for all of it.

    Returns:
        ``windows``: each with ``from`` and ``to`` (seconds), and the answer with ``face`` and ``voice`` besides, the
        fused probabilities of the models that look at nothing else, None where there are none; or its ``error``.

    Raises:
        MediaError: the clip cannot be read, does not tell its length, would have too many windows, or takes too long.
    """
    media = ensemble.settings.media
    if len(bounds_of(path, every, media)) > MOST_WINDOWS:
        raise MediaError(f"has more windows than {MOST_WINDOWS}; choose longer ones", code="too_many_windows")
    windows: list[dict[str, Any]] = []
    for window in windows_of(path, every, media):
        deadline.check("while its windows were looked at")
        where = {"from": round(window.start, 3), "to": round(window.end, 3)}
        try:
            _, seen = ensemble.look_in(window.file, path.name, deadline=deadline)
            answer = ensemble.answer(seen)
        except MediaError as error:  # a part without a face and a voice is no end of the others
            deadline.check("while its windows were looked at")
            windows.append({**where, "error": {"code": error.code, "message": error.message}})
            continue
        said = {"label": answer.label, "confidence": answer.confidence, "probabilities": answer.probabilities}
        parts = {name: _by(ensemble, seen, name) for name in ("face", "voice")}
        told = {"modalities": list(answer.modalities), "warnings": list(answer.warnings)}
        windows.append({**where, **said, **parts, **told})
    return {"every": every, "windows": windows}


def _by(ensemble: Ensemble, seen: Seen, modality: str) -> dict[str, float] | None:
    """The fused probabilities of the models that look at one modality alone."""
    scores = seen.scores.copy()
    for place, name in enumerate(ensemble.models):
        if set(model_spec(name).modalities) != {modality}:
            scores[place] = np.nan
    fused = ensemble.fused(scores[None], seen.distances_of(ensemble.models)[None])[0]
    if np.isnan(fused).any():
        return None
    return {label: float(value) for label, value in zip(ensemble.labels, fused, strict=True)}
