"""HTTP over a Unix socket, with the standard library's client."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from affekt.errors import AffektError


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket that is a file."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    path: Path,
    method: str,
    target: str,
    *,
    body: bytes | None = None,
    token: str = "",
    query: dict[str, str] | None = None,
    timeout: float = 60.0,
) -> tuple[int, Any]:
    """The status and the JSON document of one request; text where it is no JSON.

    Raises:
        AffektError: ``unreachable``: nobody answers there; ``timeout``.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    if body is not None:
        headers["Content-Type"] = "application/octet-stream"
    connection = UnixConnection(path, timeout)
    try:
        connection.request(method, f"{target}?{urlencode(query)}" if query else target, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
    except TimeoutError as error:
        raise AffektError(f"no answer within {timeout:.0f} s", code="timeout", where=str(path)) from error
    except (OSError, http.client.HTTPException) as error:
        raise AffektError(f"nobody answers there ({error})", code="unreachable", where=str(path)) from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text)
    except ValueError:
        return answer.status, text.decode(errors="replace")
