"""The face pictures of a clip, each coded by itself, so that a file and the store show the very same pictures."""

from __future__ import annotations

import operator
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, overload

import numpy as np

#: Pictures from which on two threads are quicker than one.
_WORTH_A_THREAD = 8
#: Bytes of one coded picture; none where the frame has no face.
Code = bytes | memoryview


def encode(picture: np.ndarray, quality: int) -> bytes:
    """A picture, uint8 ``[S, S, 3]`` RGB, as JPEG with full colour resolution; libjpeg gives equal bytes everywhere."""
    import cv2  # heavy: clips whose pictures nobody looks at do without

    options = [
        cv2.IMWRITE_JPEG_QUALITY, quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        cv2.IMWRITE_JPEG_OPTIMIZE, 1,
    ]  # fmt: skip
    return bytes(cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1])


def decode(code: Code, side: int) -> np.ndarray:
    """The picture of :func:`encode`, uint8 ``[side, side, 3]`` RGB; black where there is no code."""
    if not len(code):
        return np.zeros((side, side, 3), np.uint8)
    import cv2  # heavy: as above

    picture = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None or picture.shape != (side, side, 3):
        raise ValueError(f"is no JPEG picture of {side} x {side} pixels")
    return np.asarray(picture)


def pixels(code: Code, side: int) -> np.ndarray:
    """The picture whose code is its bytes, as :func:`decode`."""
    return np.frombuffer(code, np.uint8).reshape(side, side, 3)


class FacePictures:
    """Face pictures that are decoded when they are asked for; indexed as a uint8 array ``[T, S, S, 3]``.

    Args:
        code: gives the code of frame t; empty where it has no face.
        count: T.
        side: S, pixels.
        coded: as JPEG; otherwise a code is the picture's bytes.
        threads: whether codes may be asked for in two threads at once.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        code: Callable[[int], Code],
        count: int,
        side: int,
        *,
        coded: bool = True,
        threads: bool = False,
    ) -> None:
        self.code, self.coded, self._threads = code, coded, threads
        self.shape = (count, side, side, 3)
        self._decode = decode if coded else pixels

    @classmethod
    def of(cls, cut: Callable[[int], np.ndarray], present: np.ndarray, side: int, quality: int) -> FacePictures:
        """Crops as they look after coding; each is cut out and coded when it is first asked for.

        Args:
            cut: gives the crop of frame t, uint8 ``[side, side, 3]`` RGB.
            present: bool ``[T]``, the frames with a face.
            side: S, pixels.
            quality: of JPEG; 0 keeps every bit.
        """
        codes: dict[int, bytes] = {}

        def code(frame: int) -> bytes:
            if frame not in codes:
                codes[frame] = encode(cut(frame), quality) if present[frame] else b""
            return codes[frame]

        if quality:
            return cls(code, len(present), side, threads=True)
        return cls(lambda frame: cut(frame).tobytes(), len(present), side, coded=False)

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, item: int | np.integer[Any]) -> np.ndarray: ...
    @overload
    def __getitem__(self, item: slice | list[int] | np.ndarray) -> np.ndarray: ...
    def __getitem__(self, item: Any) -> np.ndarray:
        """Frame t as ``[S, S, 3]``, or several frames as ``[N, S, S, 3]``."""
        if hasattr(item, "__index__") and np.ndim(item) == 0:
            frame = range(len(self))[operator.index(item)]
            return self._decode(self.code(frame), self.shape[1])
        frames = np.arange(len(self))[item]
        chosen = np.empty((len(frames), *self.shape[1:]), np.uint8)

        def read(numbers: range) -> None:
            for number in numbers:
                chosen[number] = self._decode(self.code(int(frames[number])), self.shape[1])

        whole = range(len(frames))
        if not self._threads or len(whole) < _WORTH_A_THREAD or len(np.unique(frames)) < len(whole):
            read(whole)
            return chosen
        # Codes are written and read without Python's lock.
        with ThreadPoolExecutor(1, "affekt-pictures") as beside:
            other = beside.submit(read, whole[1::2])
            read(whole[::2])
            other.result()
        return chosen

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)
