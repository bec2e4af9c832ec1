"""What a refusal of a server, or none at all, means as an error."""

from __future__ import annotations

from pathlib import Path

import requests
from urllib3.exceptions import NewConnectionError

from affekt.counted import counted
from affekt.errors import AffektError, MediaError


def no_server(error: requests.RequestException) -> bool:
    """Whether no connection was made: nothing listens there, or no way leads there. Asking again changes neither."""
    inner = error.args[0] if error.args else None
    return isinstance(getattr(inner, "reason", None), NewConnectionError)


def unreachable(address: str) -> AffektError:
    """The error where nothing takes the connection."""
    return AffektError(
        "no server answers there; start one with `affekt serve`, or check the address",
        code="unreachable",
        where=address,
    )


def refusal_of(answer: requests.Response, address: str, clip: str | Path | None) -> AffektError:
    """The error that a status other than 200 stands for."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    said = document.get("error") if isinstance(document, dict) else None
    if isinstance(said, dict) and answer.status_code in (400, 413):
        return MediaError(str(said.get("message")), code=str(said.get("code")), where=str(clip or address))
    if answer.status_code == 413:
        size = f"has {counted(Path(clip).stat().st_size, 'bytes')}, which" if clip and Path(clip).is_file() else ""
        return MediaError(f"the clip {size} is more than the server takes", code="too_large", where=str(clip))
    if isinstance(said, dict):
        return AffektError(str(said.get("message")), code=str(said.get("code")), where=address)
    text = str(document.get("message") or answer.text)[:300] if isinstance(document, dict) else answer.text[:300]
    meanings = {
        400: ("refused", f"the server refused the request: {text}"),
        401: ("unauthorised", "the server wants a key"),
        403: ("unauthorised", "the server does not accept the key"),
        404: ("no_model", f"the server has no such model{f': {text}' if text else ''}; check the address"),
        503: ("busy", "the server has no room for further requests or no working model; try again later"),
        507: ("out_of_memory", "the server is out of memory"),
    }
    code, message = meanings.get(answer.status_code, ("server_failed", f"status {answer.status_code}: {text}"))
    return AffektError(message, code=code, where=address)
