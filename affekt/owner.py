"""Which process owns a training: its machine, number and start, by which it is known to be gone."""

from __future__ import annotations

import getpass
import json
import os
import socket
from pathlib import Path

#: Environment variable with the owner of the run that a process works for.
VARIABLE = "AFFEKT_OWNER"


def this_process() -> str:
    """This process as an owner, JSON."""
    pid = os.getpid()
    return json.dumps({"host": socket.gethostname(), "pid": pid, "started": _started(pid)})


def is_gone(owner: str) -> bool:
    """Whether an owner was a process of this machine and is no more; False where that cannot be known."""
    try:
        found = json.loads(owner)
        host, pid, started = str(found["host"]), int(found["pid"]), str(found["started"])
    except (KeyError, TypeError, ValueError):
        return False
    return host == socket.gethostname() and bool(started) and _started(pid) != started


def _started(pid: int) -> str:
    """When a process was started, as Linux counts it since the machine was; empty where there is none.

    The machine's own start is part of it, so that a number is not taken for that of a process before the last start.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # The name of the program, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else f"{boot[:8]}-{fields[19]}"


def current_user() -> str:
    """The person for whom this process runs."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
