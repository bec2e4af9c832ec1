"""Runs one command and ends it when the process that asked for it is gone, however it went.

``python -m affekt.serving.guard <parent process id> <folders> <command> …``. A parent that is killed can neither stop
its server nor clear up; this sees that its own parent is another one now, ends the command and removes the folders
(joined like PATH). SIGTERM and SIGINT are handed on as SIGTERM.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time

#: Seconds that the command gets to end when the parent is gone, and when it was told to end and may answer what it has.
ORPHAN_SECONDS, PATIENCE = 15.0, 120.0


def main(arguments: list[str]) -> int:
    """Run the command; returns its exit status."""
    parent, folders, command = int(arguments[0]), arguments[1], arguments[2:]
    told: list[float] = []

    def tell(number: int, frame: object) -> None:
        told.append(time.monotonic())

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    child = subprocess.Popen(command)
    orphan = passed_on = False
    status = None
    while status is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = child.wait(timeout=0.25)
        if os.getppid() != parent and not orphan:
            orphan = True
            told.append(time.monotonic())
        if told and not passed_on:
            child.terminate()
            passed_on = True
        if told and status is None and time.monotonic() - told[-1] > (ORPHAN_SECONDS if orphan else PATIENCE):
            child.kill()
    if orphan:
        for folder in filter(None, folders.split(os.pathsep)):
            shutil.rmtree(folder, ignore_errors=True)
        # This is a session of its own, so that reaches what is left of the workers, and nobody else.
        os.killpg(0, signal.SIGKILL)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
