"""Which trainings of this machine are unfinished; asked without what runs pipelines, which takes seconds to import."""

from __future__ import annotations

import fcntl
import json
from contextlib import ExitStack
from pathlib import Path

#: In the folder of a run that is not finished: its key, and the identifier that all its starts have in common.
NOTE = "training.json"


def any_interrupted(runs: Path, key: str = "") -> bool:
    """Whether a training, or that of a key, is unfinished and nobody is at work on it.

    Args:
        runs: the folder of the runs' folders.
        key: of the training; empty for any.
    """
    with ExitStack() as stack:
        return any(
            key in ("", json.loads(note.read_text(encoding="utf-8"))["key"]) and locked(stack, note)
            for note in runs.glob(f"*/{NOTE}")
        )


def locked(stack: ExitStack, note: Path) -> bool:
    """Take a training for this process, until its end; False where another has it, or it ended meanwhile."""
    try:
        file = stack.enter_context(note.open("rb"))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return note.exists()
