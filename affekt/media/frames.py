"""The decoded pictures of one clip, planar and full range: in memory up to a budget, in a temporary file beyond it."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence

import cv2
import numpy as np

from affekt.media.levels import Levels

#: Bytes in front of every picture in a YUV4MPEG2 stream.
MARKER = b"FRAME\n"
#: Bytes of one clip that may lie in anonymous memory; the rest is mapped from an unlinked file and can be paged out.
MEMORY_BUDGET = 192 << 20
_CHUNK = 8 << 20


class Spill:
    """Hands out writable memory: anonymous up to the budget, then pages of unlinked temporary files."""

    def __init__(self, budget: int = MEMORY_BUDGET) -> None:
        self._left = budget

    def array(self, shape: tuple[int, ...]) -> np.ndarray:
        """An uninitialised (file pages: zeroed) uint8 array of the given shape."""
        size = int(np.prod(shape, dtype=np.int64))
        if self.counts(size) or size == 0:
            return np.empty(shape, np.uint8)
        with tempfile.TemporaryFile(prefix="affekt-") as file:
            file.truncate(size)
            pages = mmap.mmap(file.fileno(), size)
        return np.frombuffer(pages, np.uint8).reshape(shape)

    def counts(self, size: int) -> bool:
        """Whether so many bytes are within the budget; they are counted then."""
        if size > self._left:
            return False
        self._left -= size
        return True


class Frames:
    """Pictures in YUV 4:2:0 with full-range BT.601 values.

    Attributes:
        width, height: of the pictures, pixels; both even.
        source_width, source_height: of the clip as it is shown (after rotation), source pixels.
    """

    def __init__(self, width: int, height: int, spill: Spill) -> None:
        self.width, self.height = width, height
        self.source_width, self.source_height = width, height
        self.stride = len(MARKER) + width * height * 3 // 2
        self._per_chunk = max(1, _CHUNK // self.stride)
        self._chunks: list[np.ndarray] = []
        self._spill = spill
        #: The planes of the first pictures, where whoever decoded them has left them.
        self._left: list[list[np.ndarray]] = []
        self._kept: Sequence[int] | None = None
        self.count = 0

    def __len__(self) -> int:
        return self.count

    @property
    def thinned(self) -> bool:
        """Whether pictures were left out by :meth:`keep`."""
        return self._kept is not None

    def room(self) -> memoryview:
        """Free memory behind the last whole picture, a multiple of one picture with its marker."""
        chunk, used = divmod(self.count - len(self._left), self._per_chunk)
        if chunk == len(self._chunks):
            self._chunks.append(self._spill.array((self._per_chunk * self.stride,)))
        return self._chunks[chunk].data[used * self.stride :]

    def add(self, planes: Sequence[np.ndarray], levels: Sequence[Levels] | None = None) -> None:
        """Keep one more picture: where it is if nothing changes and there is memory for it, otherwise a copy.

        Args:
            planes: its three planes, uint8 ``[height, width]`` and twice half of both; rows may be longer. Nobody may
                write to them from here on.
            levels: what takes the place of each value in each plane; None for the values themselves.
        """
        half = (self.height // 2, self.width // 2)
        shapes = ((self.height, self.width), half, half)
        parts = [plane[:rows, :columns] for plane, (rows, columns) in zip(planes, shapes, strict=True)]
        if levels is None and not self._chunks and self._spill.counts(sum(plane.nbytes for plane in planes)):
            self._left.append(parts)
        else:
            room = np.frombuffer(self.room(), np.uint8, self.stride - len(MARKER), len(MARKER))
            for number, (part, kept) in enumerate(zip(parts, self._split(room), strict=True)):
                if levels is None:
                    kept[:] = part
                else:
                    levels[number].write(part, kept)
        self.count += 1

    def keep(self, numbers: Sequence[int]) -> None:
        """Count these pictures alone, in this order. No further ones can be added."""
        self._kept = numbers if self._kept is None else [self._kept[number] for number in numbers]
        self.count = len(numbers)

    def luma(self, number: int) -> np.ndarray:
        """The brightness of a picture, uint8 ``[height, width]``, a view."""
        return self._planes(number)[0]

    def chroma(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The two colour planes (Cb, Cr) of a picture, uint8 ``[height/2, width/2]``, views."""
        _, blue, red = self._planes(number)
        return blue, red

    def _planes(self, number: int) -> list[np.ndarray]:
        if not 0 <= number < self.count:
            raise IndexError(number)
        place = number if self._kept is None else self._kept[number]
        if place < len(self._left):
            return self._left[place]
        chunk, row = divmod(place - len(self._left), self._per_chunk)
        start = row * self.stride + len(MARKER)
        return self._split(self._chunks[chunk][start : start + self.stride - len(MARKER)])

    def _split(self, picture: np.ndarray) -> list[np.ndarray]:
        """The three planes in the bytes of one picture."""
        area, half = self.width * self.height, (self.height // 2, self.width // 2)
        blue, red = picture[area : area * 5 // 4], picture[area * 5 // 4 :]
        return [picture[:area].reshape(self.height, self.width), blue.reshape(half), red.reshape(half)]

    def rgb(self, number: int) -> np.ndarray:
        """A whole picture, uint8 ``[height, width, 3]`` RGB."""
        blue, red = (cv2.resize(plane, (self.width, self.height)) for plane in self.chroma(number))
        return cv2.cvtColor(cv2.merge([self.luma(number), red, blue]), cv2.COLOR_YCrCb2RGB)
