"""The target of a request as a path, where it was sent as a whole address, as to a proxy (RFC 9112, 3.2.2)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.types import Scope

_WHOLE = re.compile(rb"https?://([^/?#@]+)(/.*)?", re.IGNORECASE | re.DOTALL)


def as_path(scope: Scope) -> Scope:
    """A request by its path alone; the host of a whole address counts, whatever the Host header says."""
    whole = _WHOLE.fullmatch(scope.get("raw_path") or b"")
    if whole is None:
        return scope
    host, path = whole[1], whole[2] or b"/"
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "path": unquote(path.decode("ascii")), "raw_path": path, "headers": [(b"host", host), *others]}
