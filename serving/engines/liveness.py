"""Whether a worker's process runs, and gets on with what it loads."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

#: Seconds between two looks at the workers.
EVERY = 1.0
#: Starts of a worker that is ended while it loads, by whomever, until that is taken for the model's fault.
STARTS = 3
#: Looks at a worker that loads, in which it neither works, reads nor waits for a disk, until it is taken for hung; and
#: the share of a processor that is no work: its thread that looks for its parent takes a ten-thousandth.
_IDLE_LOOKS, _IDLE = 60, 0.01


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


class Loading:
    """A process that loads, looked at time and again. Clocks say nothing here: all may have been frozen together.

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self.pid, self._idle, self._worked, self._read = pid, 0, 0.0, ""

    def hung(self) -> bool:
        """Look once more: whether it was stopped, or has done nothing for a minute of looks."""
        fields = _stat(self.pid)
        if not fields or fields[0] in "ZX":
            return False  # its end is told otherwise
        worked, read = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), _read(self.pid)
        if fields[0] != "S" or read != self._read or worked - self._worked > _IDLE * _IDLE_LOOKS * EVERY:
            self._idle, self._worked, self._read = 0, worked, read
        self._idle += 1
        return fields[0] in "Tt" or self._idle > _IDLE_LOOKS


def _state(pid: int) -> str:
    """The letter that Linux has for a process; empty where there is none."""
    fields = _stat(pid)
    return fields[0] if fields else ""


def _stat(pid: int) -> list[str]:
    """What Linux says of a process, from the letter of its state on; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _read(pid: int) -> str:
    """The bytes that a process has read, wherever they came from."""
    try:
        return Path(f"/proc/{pid}/io").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return ""


def children(pid: int) -> set[int]:
    """The processes that a process has started and that are there."""
    found: set[int] = set()
    for threads in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found.update(map(int, threads.read_text(encoding="ascii").split()))
    return found


def end(pid: int) -> None:
    """End a process at once, stopped or not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
