"""What may be the address of a server: told apart from a file, a port and a model before anybody is asked."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit


def check_server_address(text: str) -> None:
    """Whether a text is the address of a server; one without a scheme is of http.

    Raises:
        ValueError: it is none; the message says what one looks like, and what was given.
    """
    if not _is_address(text):
        what = "a folder" if Path(text).is_dir() else "a file" if Path(text).is_file() else ""
        told = f"{text}, which is {what}" if what else text
        raise ValueError(f"expected the address of a server, like http://127.0.0.1:8080, got {told}")


def _is_address(text: str) -> bool:
    scheme, separator, rest = text.rpartition("://")
    if re.search(r"\s", text) or (scheme not in ("http", "https") if separator else Path(text).is_file()):
        return False
    try:
        parts = urlsplit(f"http://{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:  # half an address in brackets, or a port beyond 65535
        return False
    # A port alone would be read as a number of an address, 8080 as 0.0.31.144.
    return bool(re.search(r"\w", host)) and not host.startswith(".") and not host.isdecimal() and port != 0
