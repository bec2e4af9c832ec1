"""The gate's second half: does the ensemble answer in a real TorchServe as in this process, and as it was evaluated?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from affekt.counted import counted
from affekt.ensemble import Ensemble
from affekt.ensemble.graphs import CLOSE
from affekt.errors import AffektError, MediaError
from affekt.serving.server import LocalServer

#: Largest difference between a served probability and that of this process; threads may sum in another order.
TOLERANCE = 1e-5
_NOTHING: dict[str, Any] = {"ok": False, "max_difference": None, "graphs_difference": None}


def check_serving(ensemble: Path, clips: Sequence[Path], *, start_timeout: float = 180.0) -> dict[str, Any]:
    """Load an ensemble into a local TorchServe, ask it about clips, and compare with the answers of this process.

    Args:
        ensemble: folder of a saved ensemble.
        clips: the clips to ask about; one or two do.
        start_timeout: seconds until the server has to be ready.

    Returns:
        ``ok``; ``max_difference`` of a probability, None when nothing could be compared; ``graphs_difference`` of a
        probability from that of PyTorch, which the figures of a training are of, None where PyTorch answers;
        ``latency_ms``, the median time of an answer with the model warm, None likewise; ``load_seconds``, of the
        ensemble in this process; ``message``, a sentence that says what was found.

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
    evaluated = _by_pytorch(loaded, clips)
    seconds: list[float] = []
    try:
        with LocalServer(ensemble, workers=1, tried=False, start_timeout=start_timeout) as server:
            _answer(server.predict, clips[0])  # the first answer also pays for imports
            served = []
            for clip in clips:
                started = time.monotonic()
                served.append(_answer(server.predict, clip))
                seconds.append(time.monotonic() - started)
    except AffektError as error:
        return {**found, **_NOTHING, "latency_ms": None, "message": str(error)}
    latency = 1000 * statistics.median(seconds)
    differences: list[float] = []
    for clip, mine, theirs in zip(clips, expected, served, strict=True):
        if "error" in mine or "error" in theirs:
            if mine.get("error") == theirs.get("error"):
                continue
            wrong = f"{clip.name}: served {_short(theirs)}, here {_short(mine)}"
            return {**found, **_NOTHING, "latency_ms": latency, "message": wrong}
        if set(mine["probabilities"]) != set(theirs["probabilities"]):
            wrong = f"{clip.name}: the served answer has other labels: {', '.join(theirs['probabilities'])}"
            return {**found, **_NOTHING, "latency_ms": latency, "message": wrong}
        differences.append(_apart(mine, theirs))
    largest = max(differences, default=None)
    by_graphs = max(
        (_apart(*pair) for pair in zip(evaluated, served, strict=False) if "error" not in pair[0]), default=None
    )
    ok = largest is not None and largest <= TOLERANCE and (by_graphs or 0.0) <= CLOSE
    if largest is None:
        message = "none of the clips can be used, so nothing could be compared"
    else:
        message = (
            f"TorchServe answered {counted(len(clips), 'clips')} in {latency:.0f} ms each (median); the probabilities "
            f"differ from those of this process by {largest:.1g} at most, "
            f"{'within' if largest <= TOLERANCE else 'more than'} {TOLERANCE:.0e}"
        )
        if by_graphs is not None:
            message += (
                f"; networks answer as graphs, {by_graphs:.1g} at most from PyTorch, which was evaluated, "
                f"{'within' if by_graphs <= CLOSE else 'more than'} {CLOSE:g}"
            )
    return {
        **found, "ok": ok, "max_difference": largest, "graphs_difference": by_graphs, "latency_ms": latency,
        "message": message,
    }  # fmt: skip


def _by_pytorch(loaded: Ensemble, clips: Sequence[Path]) -> list[dict[str, Any]]:
    """The answers of PyTorch, where graphs answer; none where it answers itself."""
    if not any("left_out" not in said for said in loaded.manifest.get("graphs", {}).values()):
        return []
    return [_answer(Ensemble.load(loaded.folder, inference="torch").predict_file, clip) for clip in clips]


def _apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The largest difference of a probability between two answers; all of it where one refuses."""
    if "error" in other:
        return 1.0
    return max(abs(float(one["probabilities"][label]) - float(p)) for label, p in other["probabilities"].items())


def _answer(ask: Callable[[Path], Any], clip: Path) -> dict[str, Any]:
    """The answer as a document; a refusal of the clip is one too, any other error is not."""
    try:
        answer = ask(clip)
    except MediaError as error:
        return {"error": error.code}
    return dict(answer) if isinstance(answer, dict) else dict(answer.to_dict())


def _short(document: dict[str, Any]) -> str:
    return f"refuses it ({document['error']})" if "error" in document else f"answers {document['label']}"
