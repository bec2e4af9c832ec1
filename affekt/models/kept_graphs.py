"""Graphs as the engine has worked them out for this processor, kept so that the next process need not do that again.

What the engine makes of a graph before it writes any code takes most of the time until a small network can answer.
The engine gives it out as bytes, and answers from those are the same to the bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import zlib
from pathlib import Path

import numpy as np

from affekt.home import state_folder
from affekt.machine import processor
from affekt.storage import appearing, known_digest

logger = logging.getLogger(__name__)

#: Bytes that all kept graphs may take; those that were not used for longest go first.
ROOM = 512 << 20
#: Bytes of a graph's files up to which it is kept. Reading and comparing takes its time by the byte, the engine's work
#: by the operation: a VGG-16 of full size (537 MB) is ready in 0.23 CPU seconds, and from what is kept in 2.2.
LARGEST = 32 << 20
_SUFFIX = ".graph"
#: Bytes at the end of a file that tell whether those before are as they were written.
_SUM = 4


def place_of(files: tuple[Path, ...], *settings: str) -> Path | None:
    """Where what the engine makes of a graph is kept; None where it is not.

    It is not where the graph is large, and where affekt has no home yet, which is not made for it.

    Args:
        files: of the graph; another bit in one of them is another place.
        settings: likewise, whatever else the engine's work depends on; the processor is added.
    """
    home = state_folder()
    if not home.is_dir() or sum(file.stat().st_size for file in files) > LARGEST:
        return None
    key = hashlib.blake2b("\n".join((*settings, processor())).encode(), digest_size=16)
    for file in files:
        key.update(known_digest(file).encode())  # whoever has loaded a model has read all of its files once
    return home / "cache" / "graphs" / (key.hexdigest() + _SUFFIX)


def read(place: Path) -> np.ndarray | None:
    """What is kept there, bytes as uint8 ``[n]`` in memory that processes share; None where nothing is, or damaged."""
    try:
        found = np.memmap(place, np.uint8, "c")
        os.utime(place)
    except (OSError, ValueError):  # nothing can be mapped of an empty file
        return None
    made, told = found[:-_SUM], found[-_SUM:].tobytes()
    if zlib.crc32(made.data).to_bytes(_SUM, "big") != told:
        logger.info("%s is damaged and made again", place)
        return None
    return made


def keep(place: Path, made: memoryview) -> None:
    """Keep it there for others, if that can be done; nobody ever sees a part of it."""
    with contextlib.suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with appearing(place) as free, free.open("wb") as file:
            file.write(made)
            file.write(zlib.crc32(made).to_bytes(_SUM, "big"))
        _make_room(place.parent)


def _make_room(folder: Path) -> None:
    files = [(path, path.stat()) for path in folder.iterdir() if path.suffix == _SUFFIX]
    left = ROOM
    for path, stat in sorted(files, key=lambda item: -item[1].st_mtime_ns):
        left -= stat.st_size
        if left < 0:
            path.unlink(missing_ok=True)
