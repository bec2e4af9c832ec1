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


def unreachable(address: str, error: requests.RequestException | None = None) -> AffektError:
    """The error where there is no connection, or one that ended before the answer.

    Args:
        address: that was asked.
        error: how it failed; None where nothing takes the connection.
    """
    message = "no server answers there; start one with `affekt serve`, or check the address"
    why = _innermost(error) if error is not None else ""
    if isinstance(error, requests.exceptions.ProxyError):
        message = f"the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) leads to no server: {why}"
    elif isinstance(error, requests.exceptions.SSLError):
        message = f"there is no secure connection to it ({why}); is it http://, or its certificate an unknown one?"
    elif error is not None and not no_server(error):
        message = f"the connection ended before there was an answer ({why}); is it a server of affekt, and does it run?"
    return AffektError(message, code="unreachable", where=address)


def _innermost(error: BaseException) -> str:
    """What was first to fail, in words: the errors of connections hold each other."""
    inner = getattr(error, "reason", None) or next((each for each in error.args if isinstance(each, Exception)), None)
    return _innermost(inner) if isinstance(inner, BaseException) else str(error)


def refusal_of(answer: requests.Response, address: str, clip: str | Path | None) -> AffektError:
    """The error that a status other than 200 stands for."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    said = document.get("error") if isinstance(document, dict) else None
    said = said if isinstance(said, dict) and isinstance(said.get("message"), str) else None  # another server's
    if isinstance(said, dict) and answer.status_code in (400, 413):
        return MediaError(str(said.get("message")), code=str(said.get("code")), where=str(clip or address))
    if answer.status_code == 413:
        size = f" has {counted(Path(clip).stat().st_size, 'bytes')}, which" if clip and Path(clip).is_file() else ""
        return MediaError(f"the clip{size} is more than the server takes", code="too_large", where=str(clip))
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
