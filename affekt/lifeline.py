"""A process that ends with the one that started it, whatever ended that one.

``python -m affekt.lifeline MODULE ARGUMENTS …`` runs a module so. Whoever is killed by SIGKILL can end nobody, and an
orphan would train on and promote its model. So a thread looks a few times a second whether this process still has the
parent that it was started by. Linux's own signal for that (``PR_SET_PDEATHSIG``) comes when the parent's *thread*
ends, of which pools of threads are not safe.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence

#: Seconds between two looks.
_INTERVAL = 0.2
_PARENT = "AFFEKT_PARENT"


def command(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """The command line that runs a module of Python in a process that ends with this one."""
    return [sys.executable, "-m", "affekt.lifeline", module, *arguments]


def environment() -> dict[str, str]:
    """The variable by which a process that starts late learns that this one was its parent."""
    return {_PARENT: str(os.getpid())}


def hold(parent: int) -> None:
    """End this process, at once and by SIGKILL, when its parent is no longer the process with this number."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_INTERVAL)
        os.kill(os.getpid(), signal.SIGKILL)

    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=look, name="lifeline", daemon=True).start()


def main() -> None:
    """Run the module that the command line names."""
    hold(int(os.environ.get(_PARENT) or os.getppid()))
    del sys.argv[0]
    # As python -m does; the module finds its own name and arguments.
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
