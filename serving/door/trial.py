"""Clips with the answers that they have to get, before a version is the one that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affekt.errors import AffektError
from affekt.serving.door.versions import Version
from affekt.serving.engines.engine import Engine

#: What a worker says of a task that names no clip: it is there, and its door is known to it.
_HANDSHAKE = (400, "bad_clip_name")
#: Largest difference of a probability where nothing else is said; threads may sum in another order.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Trial:
    """A clip with its expected answer.

    Attributes:
        clip: the file.
        expected: the answer's document, or ``{"error": code}``.
        tolerance: largest difference of a probability.
    """

    clip: Path
    expected: Mapping[str, Any]
    tolerance: float = TOLERANCE

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Trial:
        """Of plain JSON values."""
        return cls(Path(document["clip"]), document["expected"], float(document.get("tolerance", TOLERANCE)))


async def ask_trials(
    engine: Engine, version: Version, trials: Sequence[Trial], *, behind: bool = False, at_once: int = 1
) -> None:
    """Have a version's workers answer clips.

    Args:
        engine: that has loaded the version.
        version: that is asked.
        trials: in this order.
        behind: whether others go first.
        at_once: so many, each of another worker.

    Raises:
        AffektError: ``trial_failed``: one is answered otherwise; or the engine has no answer.
    """
    status, document = await engine.ask(version.name, {"clip": ""}, version.seconds)
    if (status, document.get("error", {}).get("code")) != _HANDSHAKE:
        raise AffektError(f"the trial request was answered with {status}: {document}", code="trial_failed")
    free = asyncio.Semaphore(at_once)

    async def ask(number: int, trial: Trial) -> None:
        clip = engine.inbox / f"trial-{version.name}-{number}.clip"
        async with free:
            writing = asyncio.ensure_future(asyncio.to_thread(clip.write_bytes, trial.clip.read_bytes()))
            try:
                await asyncio.shield(writing)
                _, said = await engine.ask(version.name, {"clip": clip.name, "behind": behind}, version.seconds)
            finally:
                await asyncio.wait({writing})  # a thread writes to its end, and nothing is to stay
                clip.unlink(missing_ok=True)
        if why := difference(said, trial.expected, trial.tolerance):
            raise AffektError(f"{trial.clip.name}: {why}", code="trial_failed")

    try:
        async with asyncio.TaskGroup() as asked:
            for number, trial in enumerate(trials):
                asked.create_task(ask(number, trial))
    except ExceptionGroup as failed:  # the first that failed has ended the others
        raise failed.exceptions[0] from None


def difference(said: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = TOLERANCE) -> str:
    """How an answer differs from the expected one; empty where it does not."""
    if "error" in said or "error" in expected:
        code = said["error"]["code"] if "error" in said else ""
        return "" if code == expected.get("error") else f"answered {code or said.get('label')!r}, expected {expected}"
    mine, theirs = expected["probabilities"], said["probabilities"]
    if set(mine) != set(theirs):
        return f"has other labels: {', '.join(theirs)}"
    largest = max(abs(mine[label] - theirs[label]) for label in mine)
    return "" if largest <= tolerance else f"a probability differs by {largest:.1g} from the expected one"
