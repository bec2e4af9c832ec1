"""Whether a worker's process runs."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

#: Seconds between two looks at the workers.
EVERY = 1.0


def runs(pid: int) -> bool:
    """Whether a process is there, and neither stopped (SIGSTOP) nor dead."""
    state = _state(pid)
    if state or Path("/proc/self/stat").exists():
        return bool(state) and state not in "TtZX"
    with contextlib.suppress(OSError):  # a system without /proc
        os.kill(pid, 0)
        return True
    return False


def stopped(pid: int) -> bool:
    """Whether a process is there, and stopped."""
    return _state(pid) in ("T", "t")


def _state(pid: int) -> str:
    """The letter that Linux has for a process; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return ""


def end(pid: int) -> None:
    """End a process at once, stopped or not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
