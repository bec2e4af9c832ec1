"""Asks a running server about a clip."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from affekt.counted import counted
from affekt.errors import AffektError, MediaError

#: Answers after which the same request may well succeed: the queue is full, or a worker was just replaced.
_AGAIN = frozenset({502, 503, 504})


def predict(
    url: str, path: str | Path, *, timeout: float = 300.0, retries: int = 3, token: str | None = None
) -> dict[str, Any]:
    """The server's answer for a clip file: the same document that the ensemble gives in this process.

    Args:
        url: of the model (``http://host:8080/predictions/affekt``) or of the server (``http://host:8080``, whose model
            is then ``affekt``).
        path: the clip file.
        timeout: seconds to wait for one answer.
        retries: how often a busy server is asked again, after 0.5, 1, 2 … seconds.
        token: the server's inference key, where it asks for one.

    Raises:
        MediaError: the file is not there, or the server says that the clip cannot be used.
        AffektError: no server answers there, it refused the request, or it failed.
    """
    clip = Path(path)
    if not clip.is_file():
        raise MediaError("there is no such file", code="missing", where=str(path))
    address = prediction_url(url)
    headers = {"Content-Type": "application/octet-stream"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    for attempt in range(retries + 1):
        with clip.open("rb") as body:
            try:
                # An empty file has no length for requests, which would then send it in chunks.
                answer = requests.post(
                    address, data=body if clip.stat().st_size else b"", headers=headers, timeout=timeout
                )
            except requests.ConnectTimeout as error:
                raise _unreachable(address) from error
            except requests.Timeout as error:
                raise AffektError(
                    f"no answer within {timeout:.0f} s; the server is busy or the clip is long",
                    code="timeout",
                    where=address,
                ) from error
            except requests.ConnectionError as error:
                # A server that refuses the size of a body answers and hangs up while the body is still being sent.
                if attempt < retries and not _refused(error):
                    time.sleep(0.5 * 2**attempt)
                    continue
                raise _unreachable(address) from error
            except requests.RequestException as error:
                raise AffektError(str(error), code="bad_address", where=address) from error
        if answer.status_code not in _AGAIN or attempt == retries:
            break
        time.sleep(0.5 * 2**attempt)
    if answer.ok:
        try:
            return dict(answer.json())
        except (ValueError, TypeError) as error:
            raise AffektError(
                f"the answer is not of an affekt model: {answer.text[:200]!r}", code="bad_answer", where=address
            ) from error
    raise _error_of(answer, address, clip)


def prediction_url(url: str) -> str:
    """The address of the model: the given one, or the model ``affekt`` of the given server."""
    if "://" not in url:
        url = f"http://{url}"
    return url.rstrip("/") if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/predictions/affekt"


def _refused(error: requests.ConnectionError) -> bool:
    return "refused" in str(error) or "Name or service" in str(error) or "resolve" in str(error)


def _unreachable(address: str) -> AffektError:
    return AffektError(
        "no server answers there; start one with `affekt serve`, or check the address",
        code="unreachable",
        where=address,
    )


def _error_of(answer: requests.Response, address: str, clip: Path) -> AffektError:
    """The error that a status other than 200 stands for."""
    try:
        document = answer.json()
    except ValueError:
        document = {}
    said = document.get("error") if isinstance(document, dict) else None
    if isinstance(said, dict) and answer.status_code in (400, 413):
        return MediaError(str(said.get("message")), code=str(said.get("code")), where=str(clip))
    if answer.status_code == 413:
        return MediaError(
            f"the clip has {counted(clip.stat().st_size, 'bytes')}, which is more than the server takes",
            code="too_large",
            where=str(clip),
        )
    if isinstance(said, dict):
        return AffektError(str(said.get("message")), code=str(said.get("code")), where=address)
    text = str(document.get("message") or answer.text)[:300] if isinstance(document, dict) else answer.text[:300]
    meanings = {
        400: ("refused", f"the server refused the request: {text}"),
        401: ("unauthorised", "the server wants its inference key"),
        403: ("unauthorised", "the server does not accept the key"),
        404: ("no_model", f"the server has no such model: {text}"),
        503: ("busy", "the server has no room for further requests or no working model; try again later"),
        507: ("out_of_memory", "the server is out of memory"),
    }
    code, message = meanings.get(answer.status_code, ("server_failed", f"status {answer.status_code}: {text}"))
    return AffektError(message, code=code, where=address)
