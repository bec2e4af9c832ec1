"""What ffmpeg says about a file on standard error besides listing it: what was damaged, and why it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from affekt.media.listing import Listing, read_listing

_NOISE = re.compile(r"^(?:\[[^\]]*\] ?)+")
_DAMAGE = re.compile(r"error (?:while decoding|submitting packet|at mb)|corrupt decoded frame|concealing \d+", re.I)
_COMPLAINTS = ("error", "invalid", "exceeds", "could not", "not found", "no such", "unsupported")


@dataclass(frozen=True)
class FileReport:
    """What a run of ffmpeg said of a file.

    Attributes:
        listing: what is in it.
        damaged: parts of a stream could not be decoded.
        complaint: the first line that says what went wrong, ``""`` where nothing did.
    """

    listing: Listing
    damaged: bool = False
    complaint: str = ""


def read_report(text: str, ends: bool = False, shown: float = 0.0) -> FileReport:
    """The report in ffmpeg's standard error at log level ``info``; arguments as for :func:`read_listing`."""
    return FileReport(read_listing(text, ends, shown), says_damage(text), _complaint(text))


def says_damage(text: str) -> bool:
    """Whether a line of ffmpeg or its libraries says that part of a stream could not be decoded."""
    return bool(_DAMAGE.search(text))


def _complaint(text: str) -> str:
    """The first line that reads like the reason of a failure."""
    if "not on whitelist" in text:
        return "not a container that clips come in"
    for line in text.splitlines():
        bare = _NOISE.sub("", line).strip()
        if not bare.startswith(("Stream ", "Input ", "Output ")) and any(word in bare.lower() for word in _COMPLAINTS):
            return bare.replace("fd:", "the file")[:200]
    return ""
