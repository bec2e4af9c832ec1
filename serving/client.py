"""Asks a running server about one clip; :mod:`affekt.client` does that for many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affekt.client import Client, prediction_url

__all__ = ["predict", "prediction_url"]


def predict(
    url: str, path: str | Path, *, timeout: float = 300.0, retries: int = 3, token: str | None = None
) -> dict[str, Any]:
    """The server's answer for a clip file: the same document that the ensemble gives in this process.

    Args:
        url: of the model (``http://host:8080/predictions/affekt``) or of the server (``http://host:8080``, whose model
            is then ``affekt``).
        path: the clip file.
        timeout: seconds to wait for one answer.
        retries: how often a busy server is asked again.
        token: the client's key, where the server asks for one.

    Raises:
        MediaError: the file is not there, or the server says that the clip cannot be used.
        AffektError: no server answers there, it refused the request, or it failed.
    """
    with Client(url, timeout=timeout, retries=retries, key=token) as client:
        return client.document(path)
