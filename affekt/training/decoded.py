"""Face pictures that stay decoded once they were drawn, within bounds, so that random batches read mere memory."""

from __future__ import annotations

import threading

import numpy as np

from affekt.media.frames import Spill
from affekt.media.pictures import FacePictures

#: Bytes that decoded pictures may take: the first in memory, the others in unlinked temporary files. What does not fit
#: is decoded each time.
ROOM = 8 << 30
_SLAB = 128 << 20


class DecodedPictures:
    """Keeps decoded pictures of many clips.

    Args:
        room: bytes.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._spill, self._left = Spill(), room
        self._slab: np.ndarray | None = None
        self._used = 0
        self._lock = threading.Lock()

    def slot(self, shape: tuple[int, ...]) -> np.ndarray | None:
        """Room for one picture of this shape, or None."""
        with self._lock:
            if self._slab is None or self._slab.shape[1:] != shape or self._used == len(self._slab):
                count = min(_SLAB, self._left) // int(np.prod(shape))
                if not count:
                    return None
                self._slab, self._used = self._spill.array((count, *shape)), 0
                self._left -= self._slab.nbytes
            self._used += 1
            slot: np.ndarray = self._slab[self._used - 1]
            return slot


class KeptPictures:
    """The pictures of one clip; frame t is decoded once.

    Args:
        pictures: of the clip.
        kept: where they stay.
    """

    def __init__(self, pictures: FacePictures, kept: DecodedPictures) -> None:
        self._pictures, self._kept = pictures, kept
        self._decoded: dict[int, np.ndarray] = {}

    def __getitem__(self, frame: int) -> np.ndarray:
        """A frame, uint8 ``[S, S, 3]``; not to be written to."""
        number = int(frame)
        found = self._decoded.get(number)
        if found is None:
            found = self._pictures[number]
            slot = self._kept.slot(found.shape)
            if slot is not None:
                slot[:] = found
                self._decoded[number] = slot
        return found
