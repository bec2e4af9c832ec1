"""The boxes that an MP4 or QuickTime file consists of: the outer ones of a file, and those within another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

#: The outer ones.
_OUTER = frozenset(
    b"ftyp moov mdat moof mfra mfro free skip wide udta uuid meta styp sidx ssix prft emsg pdin pnot idat".split()
)


def outer_boxes(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int, int]]:
    """The name of each, where its content begins, and where it says that it ends.

    Args:
        file: opened to be read; where it is read next is changed.
        size: of the file, bytes.
    """
    position = 0
    while position + 8 <= size:
        file.seek(position)
        box = file.read(16)
        length, head = int.from_bytes(box[:4], "big"), 8
        if length == 1 and len(box) == 16:
            length, head = int.from_bytes(box[8:16], "big"), 16
        # 0 stands for "up to the end of the file"; what is no box was appended by somebody else.
        if length < 8 or (position + length > size and box[4:8] not in _OUTER):
            return
        yield box[4:8], position + head, position + length
        position += length


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes in the content of another: the name and the content of each."""
    position = 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        if length < 8:
            return
        yield data[position + 4 : position + 8], data[position + 8 : position + length]
        position += length
