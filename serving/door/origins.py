"""Web pages of other sites that may ask: what a browser asks before, and what it is answered."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from affekt.serving.door.refusal import Refusal

#: What pages may do, send and read besides what any page may.
_METHODS = ("GET", "POST")
_SENT = ("Authorization", "Content-Type", "X-Canary-Key", "X-Request-Id")
_READ = ("Retry-After", "X-Request-Id")


class Origins(CORSMiddleware):
    """Lets pages of some sites ask; a refusal has the form of all others."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(app, origins, allow_methods=_METHODS, allow_headers=_SENT, expose_headers=_READ)

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is answered that asks whether a page may.

        Raises:
            Refusal: it may not.
        """
        answer = super().preflight_response(request_headers)
        if answer.status_code == 200:
            return answer
        what = bytes(answer.body).decode().rpartition("CORS ")[2]
        headers = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
        message = f"pages of another site may not ask so: the {what} is not allowed; see affekt serve --origin"
        raise Refusal(403, "origin_not_allowed", message, headers=headers)
