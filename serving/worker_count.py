"""How many workers of a model a machine has cores and memory for."""

from __future__ import annotations

from pathlib import Path

from affekt import machine

#: Bytes that a worker takes besides its networks, and those in multiples of their files.
_WORKER_BYTES, _NETWORKS = 700 << 20, 3


def workers_for(ensemble: Path) -> int:
    """How many workers of one thread a machine has cores and memory for: several do more than one with several threads,
    and a long clip holds up only one of them.
    """
    return max(1, min(machine.whole_cores(), machine.free_memory() // _worker_bytes(ensemble)))


def most_workers(ensemble: Path) -> int:
    """How many workers all of a machine's memory takes, whatever else is in it; at least one."""
    return max(1, machine.memory() // _worker_bytes(ensemble))


def workers_ahead(wanted: int | None) -> int:
    """How many workers start before the ensemble is known: those wanted, but no more than cores and memory allow
    whatever the ensemble; what is missing or too many is put right when it is known.
    """
    room = max(1, min(machine.whole_cores(), machine.free_memory() // _WORKER_BYTES))
    return min(wanted or room, room)


def _worker_bytes(ensemble: Path) -> int:
    weights = sum(path.stat().st_size for path in ensemble.rglob("*") if path.is_file())
    return _WORKER_BYTES + _NETWORKS * weights
