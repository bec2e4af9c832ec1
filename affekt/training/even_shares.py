"""Whether processes can share the batches of a training evenly; asked before anything starts, so without torch."""

from __future__ import annotations

from affekt.errors import AffektError


def micro_batch(processes: int, batch_size: int, wanted: int | None) -> int:
    """Items of a micro-batch: as wanted, else the batch in as many parts as there are processes.

    Raises:
        AffektError: the processes cannot share the micro-batches evenly.
    """
    micro = wanted or max(1, batch_size // processes)
    count = -(-batch_size // micro)
    if count % processes:
        raise AffektError(
            f"a batch of {batch_size} in micro-batches of {micro} makes {count} of them, which {processes} "
            "processes cannot share evenly; choose batch_size and micro_batch so that their number is a multiple "
            f"of {processes}, or start another number of processes",
            code="uneven_processes",
        )
    return micro
