"""Work that lets others go first: a version that is loaded beside one that answers leaves it the processor."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

Made = TypeVar("Made")

#: By how much a thread is nicer than others: beside one of them on a core it gets a tenth of it.
NICER = 10


def behind(work: Callable[[], Made]) -> Made:
    """What some work gives, done in a thread that lets other threads and processes go first.

    Linux has a priority of each thread, and takes none back from who has no right to it: so the thread is one of its
    own, and what this one does afterwards has the priority that it had. Threads and processes that the work starts are
    as nice as it is.
    """
    made: list[Made] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            if sys.platform == "linux":
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + NICER)
            made.append(copy.run(work))
        except BaseException as error:
            failed.append(error)

    copy = copy_context()
    thread = threading.Thread(target=run, name="behind", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
