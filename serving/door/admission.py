"""Who is let in: the Host header, the origin of a web page, and the key of a client."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from starlette.requests import Request

from affekt.errors import DataError
from affekt.serving.door.options import LOCAL, Options
from affekt.serving.door.refusal import Refusal
from affekt.serving.keys import Keys

logger = logging.getLogger(__name__)

#: What probes ask.
HEALTH = ("/ping", "/v2/health/live", "/v2/health/ready")
#: What is told without a key: that the door is there, what it promises, and its page.
OPEN = (*HEALTH, "/openapi.json", "/docs", "/")
_LOCAL = (*LOCAL, "[::1]")


class Admission:
    """Looks at each request before anything is done for it.

    Args:
        options: of the door.
    """

    def __init__(self, options: Options) -> None:
        # A page of another site may have a name that leads here; a browser tells it in the Host header.
        self._hosts = {*options.hosts, *_LOCAL} if options.hosts or options.local else set()
        self._origins = set(options.origins)
        self._keys = Keys(Path(options.keys)) if options.keys else None

    def check(self, request: Request) -> None:
        """Let a request in.

        Raises:
            Refusal: it is not let in.
        """
        if "transfer-encoding" in request.headers and "content-length" in request.headers:
            # Something on the way may take the one for the end of the body, and the door the other.
            message = "expected Content-Length or Transfer-Encoding, got both"
            raise Refusal(400, "bad_http", message, headers={"Connection": "close"})
        host = request.headers.get("host", "")
        # A probe of Kubernetes asks by the pod's address, and is told nothing but whether the server is well.
        if self._hosts and request.scope["path"] not in HEALTH and _name(host) not in self._hosts:
            raise Refusal(421, "bad_host", f"{host[:80]!r} is no name of this server; see affekt serve --host")
        self._check_origin(request, host)
        path = request.scope["path"]  # a URL is put together with the Host header, which may be anything
        if self._keys is not None and path not in OPEN and not path.startswith("/page/"):
            self._check_key(request, self._keys)

    def _check_origin(self, request: Request, host: str) -> None:
        """A page of another site may not ask, whether it could read the answer or not."""
        origin = request.headers.get("origin")
        if origin is None and request.headers.get("sec-fetch-site", "none") not in ("cross-site", "same-site"):
            return
        if request.method in ("GET", "HEAD") and origin is None:
            return  # a link to a page or a document
        if origin in self._origins or (origin and origin.partition("://")[2] == host):
            return
        raise Refusal(403, "origin_not_allowed", "pages of another site may not ask; see affekt serve --origin")

    def _check_key(self, request: Request, keys: Keys) -> None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        ask = {"WWW-Authenticate": "Bearer"}
        if kind.lower() != "bearer" or not given.strip():
            raise Refusal(401, "no_key", "expected the header Authorization: Bearer KEY", headers=ask)
        try:
            key = keys.of(given.strip())
        except (DataError, OSError) as error:
            logger.error("the keys cannot be read: %s", error)
            raise Refusal(503, "no_keys", "the server cannot read its keys", retry_after=30) from None
        if key is None:
            raise Refusal(401, "wrong_key", "the key is none of those that hold", headers=ask)
        request.state.note["key"] = key.name
        if seconds := keys.wait(key):
            message = f"the key may ask {key.per_minute:g} times a minute"
            raise Refusal(429, "too_many_requests", message, retry_after=math.ceil(seconds))


def _name(host: str) -> str:
    """The name in a Host header, without its port, which may be empty."""
    name, _, port = host.rpartition(":")
    return (name if name and (port.isdigit() or not port) else host).lower()
