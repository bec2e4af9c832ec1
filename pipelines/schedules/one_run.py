"""The process of one scheduled training; it holds the lock that keeps a second one from starting beside it.

The lock is the system's, so it is given back however the process ends, and the process keeps it when whoever started it
is gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from affekt.home import home
from affekt.notify import tell
from affekt.pipelines.schedules.outcome import Outcome
from affekt.pipelines.schedules.state import State

#: Exit code where another training of a schedule is at work; the run stays waiting.
BUSY = 75


def lock_file() -> Path:
    """The file whose lock a scheduled training holds."""
    return home() / "schedules.lock"


@contextlib.contextmanager
def alone() -> Iterator[int | None]:
    """Within it no other scheduled training of this home is at work; yields the open lock, None where one is."""
    with lock_file().open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield file.fileno()


def outcome_file(run_id: int) -> Path:
    """Where the JSON document of a run is kept."""
    return home() / "schedules" / f"{run_id:05}.json"


def read_outcome(run_id: int) -> dict[str, Any] | None:
    """The JSON document with which a run ended: of ``affekt train --json``; None where there is none."""
    try:
        document = json.loads(outcome_file(run_id).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def run(arguments: Sequence[str], lock: int, outcome: Path) -> int:
    """Run ``affekt``, which holds the lock too, should this process be ended and the training go on.

    Its document is written into a file, and what it says goes where this process's does.
    """
    command = [sys.executable, "-m", "affekt", *arguments, "--json"]
    outcome.parent.mkdir(exist_ok=True)
    with outcome.open("wb") as file:
        return subprocess.run(command, stdout=file, pass_fds=[lock], check=False).returncode


def main(run_id: int) -> int:
    """Train, and take down how it ended."""
    with alone() as lock:
        if lock is None:
            return BUSY
        state = State()
        # The one who held the lock may have been at this very run.
        if not any(each.id == run_id for each in state.runs("waiting", "running")):
            return 0
        state.begin(run_id)
        code = run(state.schedule_of(run_id).arguments, lock, outcome_file(run_id))
        end(state, run_id, code)
        return code


def end(state: State, run_id: int, code: int) -> None:
    """Take down that a run is over, and tell whom its schedule names."""
    state.end(run_id, code)
    schedule = state.schedule_of(run_id)
    if schedule.notify is None:
        return
    (found,) = (each for each in state.runs() if each.id == run_id)
    outcome = Outcome.of(read_outcome(run_id), code)
    log = str(home() / "schedules" / f"{run_id:05}.log")
    tell(schedule.notify, outcome.ended(found, log, clip_names=schedule.notify.clip_names))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
