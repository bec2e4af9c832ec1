"""How many processes answer about many clips, and those that are started before it is known what they answer with."""

from __future__ import annotations

from contextlib import AbstractContextManager

from affekt import machine, processes

#: What each of them runs.
MODULE = "affekt.ensemble.process"
#: Fewer files, or fewer prepared clips, are not worth the start of another process (some two seconds).
FEWEST_FILES, FEWEST_CLIPS = 6, 48
#: Bytes that a process takes besides its networks.
_BYTES = 700 << 20


def processes_for(tasks: int, fewest: int, weights: int = 0) -> int:
    """As many as there are cores, two tasks for each, and memory for their networks; one for few tasks.

    Args:
        tasks: files, or prepared clips.
        fewest: fewer are not worth it.
        weights: bytes of the networks.
    """
    if tasks < fewest:
        return 1
    return max(1, min(machine.whole_cores(), tasks // 2, machine.free_memory() // (_BYTES + 3 * weights)))


def ready(tasks: int, fewest: int) -> AbstractContextManager[None]:
    """Within it they are started, where there are to be several, and import while this process does."""
    count = processes_for(tasks, fewest)
    return processes.ready(MODULE, count if count > 1 else 0)
