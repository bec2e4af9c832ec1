"""Refuses a file that is plainly no checkpoint, before anything is imported that could read one."""

from __future__ import annotations

from pathlib import Path

from affekt.errors import DataError

#: A larger checkpoint is refused before it is read; VGG-Face has 0.6 GB.
MAX_BYTES = 2 * 1024**3


def refuse_other_content(path: Path, where: str) -> None:
    """Refuse what is plainly no checkpoint: nothing at all, a folder, an empty file, a web page, one over the limit.

    Raises:
        DataError: says what the file is instead.
    """
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "there is no such file"
        raise DataError(f"{found}; expected the file of a checkpoint", code="missing", where=where)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataError(
            f"has {size:,} bytes, expected at most {MAX_BYTES:,} of a checkpoint", code="too_large", where=where
        )
    with path.open("rb") as file:
        first = file.read(512)
    if not first:
        raise DataError("is empty, expected a checkpoint", code="damaged", where=where)
    if is_web_page(first):
        raise DataError(
            "is a web page, expected a checkpoint; the server may ask for a login or have moved the file",
            code="web_page",
            where=where,
        )


def is_web_page(first: bytes) -> bool:
    """Whether these are the first bytes of an HTML document."""
    return first.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))
