"""The directory at the end of a zip archive, of which zipfile holds all in memory: how many entries it has."""

from __future__ import annotations

import os
from typing import BinaryIO

_ENTRY, _END, _LARGE, _LARGE_END = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x07", b"PK\x06\x06"
#: Bytes of the record at the end, of the longest comment behind it, and of the two records before it of a large one.
_END_BYTES, _COMMENT, _PLACE_BYTES, _LARGE_BYTES = 22, 1 << 16, 20, 56
_AT_ONCE = 16 << 20


def zip_entries(file: BinaryIO) -> int:
    """How many entries there are, at most, whatever number the archive states; 0 where no directory is found."""
    size = file.seek(0, os.SEEK_END)
    tail_start = max(0, size - _END_BYTES - _COMMENT)
    file.seek(tail_start)
    tail = file.read()
    found = tail.rfind(_END)
    if found < 0:
        return 0
    end = tail_start + found
    length = int.from_bytes(tail[found + 12 : found + 16], "little")
    file.seek(max(0, end - _PLACE_BYTES - _LARGE_BYTES))
    record = file.read(_LARGE_BYTES + 4)
    if record.startswith(_LARGE_END) and record.endswith(_LARGE):
        end -= _PLACE_BYTES + _LARGE_BYTES
        length = int.from_bytes(record[40:48], "little")
    return _entries(file, max(0, end - length), end)


def _entries(file: BinaryIO, start: int, end: int) -> int:
    """How often the sign of an entry stands between two places."""
    file.seek(start)
    count, left, before = 0, end - start, b""
    while left > 0 and (data := file.read(min(_AT_ONCE, left))):
        count += (before + data).count(_ENTRY)
        before = data[-len(_ENTRY) + 1 :]
        left -= len(data)
    return count
