"""The decoded pictures of one clip, planar and full range: in memory up to a budget, in a temporary file beyond it."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Sequence

import cv2
import numpy as np

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
        if size <= self._left or size == 0:
            self._left -= size
            return np.empty(shape, np.uint8)
        with tempfile.TemporaryFile(prefix="affekt-") as file:
            file.truncate(size)
            pages = mmap.mmap(file.fileno(), size)
        return np.frombuffer(pages, np.uint8).reshape(shape)


class Frames:
    """Pictures in YUV 4:2:0 with full-range BT.601 values, as they came through the pipe.

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
        self._every = 1
        self.count = 0

    def __len__(self) -> int:
        return self.count

    def room(self) -> memoryview:
        """Free memory behind the last whole picture, a multiple of one picture with its marker."""
        chunk, used = divmod(self.count, self._per_chunk)
        if chunk == len(self._chunks):
            self._chunks.append(self._spill.array((self._per_chunk * self.stride,)))
        return self._chunks[chunk].data[used * self.stride :]

    def add(self, planes: Sequence[np.ndarray], levels: Sequence[np.ndarray] | None = None) -> None:
        """Keep one more picture.

        Args:
            planes: its three planes, uint8 ``[height, width]`` and twice half of both; rows may be longer.
            levels: what takes the place of each value in each plane, uint8 ``[256]``; None for the values themselves.
        """
        room = np.frombuffer(self.room(), np.uint8, self.stride - len(MARKER), len(MARKER))
        area = self.width * self.height
        shape = (self.height // 2, self.width // 2)
        whole = (room[:area].reshape(self.height, self.width), *room[area:].reshape(2, *shape))
        for number, (kept, plane) in enumerate(zip(whole, planes, strict=True)):
            part = plane[: kept.shape[0], : kept.shape[1]]
            if levels is None:
                kept[:] = part
            else:
                cv2.LUT(part, levels[number], kept)
        self.count += 1

    def keep_every(self, step: int) -> None:
        """Count the first of each so many pictures alone. No further ones can be added."""
        self.count = -(-self.count // step)
        self._every *= step

    def _bytes(self, number: int) -> np.ndarray:
        if not 0 <= number < self.count:
            raise IndexError(number)
        chunk, row = divmod(number * self._every, self._per_chunk)
        start = row * self.stride + len(MARKER)
        return self._chunks[chunk][start : start + self.width * self.height * 3 // 2]

    def luma(self, number: int) -> np.ndarray:
        """The brightness of a picture, uint8 ``[height, width]``, a view."""
        return self._bytes(number)[: self.width * self.height].reshape(self.height, self.width)

    def chroma(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The two colour planes (Cb, Cr) of a picture, uint8 ``[height/2, width/2]``, views."""
        data, area = self._bytes(number), self.width * self.height
        shape = (self.height // 2, self.width // 2)
        return data[area : area * 5 // 4].reshape(shape), data[area * 5 // 4 :].reshape(shape)

    def rgb(self, number: int) -> np.ndarray:
        """A whole picture, uint8 ``[height, width, 3]`` RGB."""
        blue, red = (cv2.resize(plane, (self.width, self.height)) for plane in self.chroma(number))
        return cv2.cvtColor(cv2.merge([self.luma(number), red, blue]), cv2.COLOR_YCrCb2RGB)
