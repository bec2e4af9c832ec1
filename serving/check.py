"""The gate's second half: does the ensemble answer in a real TorchServe as it does in this process?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from affekt.counted import counted
from affekt.ensemble import Ensemble
from affekt.errors import AffektError, MediaError
from affekt.serving.server import LocalServer

#: Largest difference between a served probability and that of this process; threads may sum in another order.
TOLERANCE = 1e-5


def check_serving(ensemble: Path, clips: Sequence[Path], *, start_timeout: float = 180.0) -> dict[str, Any]:
    """Load an ensemble into a local TorchServe, ask it about clips, and compare with the answers of this process.

    Args:
        ensemble: folder of a saved ensemble.
        clips: the clips to ask about; one or two do.
        start_timeout: seconds until the server has to be ready.

    Returns:
        ``ok``; ``max_difference`` of a probability, None when nothing could be compared; ``latency_ms``, the median
        time of an answer with the model warm, None likewise; ``load_seconds``, of the ensemble in this process;
        ``message``, a sentence that says what was found.

    Raises:
        DataError: the folder is no ensemble that this process can load.
        ValueError: there is no clip.
    """
    if not clips:
        raise ValueError("at least one clip is needed to check the serving")
    began = time.monotonic()
    loaded = Ensemble.load(ensemble)
    found = {"load_seconds": round(time.monotonic() - began, 3)}
    expected = [_answer(loaded.predict_file, clip) for clip in clips]
    seconds: list[float] = []
    try:
        with LocalServer(ensemble, workers=1, start_timeout=start_timeout) as server:
            _answer(server.predict, clips[0])  # the first answer also pays for imports
            served = []
            for clip in clips:
                started = time.monotonic()
                served.append(_answer(server.predict, clip))
                seconds.append(time.monotonic() - started)
    except AffektError as error:
        return {**found, "ok": False, "max_difference": None, "latency_ms": None, "message": str(error)}
    latency = 1000 * statistics.median(seconds)
    differences: list[float] = []
    for clip, mine, theirs in zip(clips, expected, served, strict=True):
        if "error" in mine or "error" in theirs:
            if mine.get("error") == theirs.get("error"):
                continue
            wrong = f"{clip.name}: served {_short(theirs)}, here {_short(mine)}"
            return {**found, "ok": False, "max_difference": None, "latency_ms": latency, "message": wrong}
        if set(mine["probabilities"]) != set(theirs["probabilities"]):
            wrong = f"{clip.name}: the served answer has other labels: {', '.join(theirs['probabilities'])}"
            return {**found, "ok": False, "max_difference": None, "latency_ms": latency, "message": wrong}
        differences.extend(abs(mine["probabilities"][label] - p) for label, p in theirs["probabilities"].items())
    largest = max(differences, default=None)
    ok = largest is not None and largest <= TOLERANCE
    if largest is None:
        message = "none of the clips can be used, so nothing could be compared"
    else:
        message = (
            f"TorchServe answered {counted(len(clips), 'clips')} in {latency:.0f} ms each (median); the probabilities "
            f"differ from those of this process by {largest:.1g} at most, "
            f"{'within' if ok else 'more than'} {TOLERANCE:.0e}"
        )
    return {**found, "ok": ok, "max_difference": largest, "latency_ms": latency, "message": message}


def _answer(ask: Callable[[Path], Any], clip: Path) -> dict[str, Any]:
    """The answer as a document; a refusal of the clip is one too, any other error is not."""
    try:
        answer = ask(clip)
    except MediaError as error:
        return {"error": error.code}
    return dict(answer) if isinstance(answer, dict) else dict(answer.to_dict())


def _short(document: dict[str, Any]) -> str:
    return f"refuses it ({document['error']})" if "error" in document else f"answers {document['label']}"
