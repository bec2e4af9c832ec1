"""The door as an ASGI application: its routes, what every request goes through, and the log of requests."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from affekt.serving.door import documents, facts, page_routes, predictions, protocol_v2
from affekt.serving.door.admission import Admission
from affekt.serving.door.desk import Desk
from affekt.serving.door.inbox import drained
from affekt.serving.door.origins import Origins
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.target import as_path

logger = logging.getLogger("affekt.door")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_FAILED = Refusal(500, "internal", "the server failed with this request; its log has the cause")
_ENDS = Refusal(503, "not_ready", "the server ends before it has an answer; send the request again", retry_after=5)
_CODES = {404: "not_found", 405: "method_not_allowed", 400: "bad_request"}


def routes_of(desk: Desk) -> list[Route]:
    """All addresses of the door."""
    return [
        *predictions.routes(desk),
        *protocol_v2.routes(desk),
        *facts.routes(desk),
        *documents.routes(),
        *page_routes.routes(desk.versions.model),
    ]


def application(desk: Desk) -> ASGIApp:
    """The whole contract."""
    routes = routes_of(desk)
    app = Starlette(routes=routes, exception_handlers={Refusal: _refused, HTTPException: _http, Exception: _failed})
    app.router.redirect_slashes = False
    return Entrance(app, desk, Admission(desk.options), desk.options.origins)


def metrics_application(desk: Desk) -> ASGIApp:
    """``/metrics`` alone, for a port that only the monitoring reaches."""
    app = Starlette(routes=[facts.metrics_route(desk)], exception_handlers={HTTPException: _http, Exception: _failed})
    return Entrance(app, desk, Admission(replace(desk.options, keys="", hosts=(), address="")))


class Entrance:
    """What every request goes through: an id, the log, the metrics, and an answer whatever happens.

    Args:
        app: answers those that are let in.
        desk: of the door.
        admission: lets them in.
        origins: of other sites whose pages may ask; what a browser asks before, and what it needs to read any answer.
    """

    def __init__(self, app: ASGIApp, desk: Desk, admission: Admission, origins: Sequence[str] = ()) -> None:
        self.app, self.desk, self.admission = app, desk, admission
        self._way: ASGIApp = Origins(self._admitted, origins) if origins else self._admitted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        scope = as_path(scope)
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        note = {"id": request_id}
        scope["state"] = {**scope.get("state", {}), "id": request_id, "note": note}
        started, status = time.monotonic(), 0

        async def out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *_headers(scope["state"]["id"])]}
            await send(message)

        try:
            try:
                await self._way(scope, receive, out)
            except Refusal as error:
                await _refuse(error, scope, receive, out)
        except asyncio.CancelledError:  # by uvicorn, which has waited long enough for it
            note["code"] = _ENDS.code
            if not status:
                await _ENDS.response()(scope, receive, out)
        except predictions.Gone:
            note["code"], status = "gone", 0  # nobody got the answer that is made of every exception
        except Exception:
            logger.exception("request %s failed", scope["state"]["id"])
            note["code"] = "internal"
            if not status:
                await _FAILED.response()(scope, receive, out)
        finally:
            self._log(scope, status or 499, time.monotonic() - started)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self.admission.check(Request(scope))
        except Refusal as error:
            await _refuse(error, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        state = scope["state"]
        route = getattr(scope.get("route"), "path", "other")
        self.desk.metrics.answered(route, status, state["note"], seconds)
        line = {"id": state["id"], "method": scope["method"], "route": route, "status": status, **state["note"]}
        logger.info("%s", json.dumps({**line, "seconds": round(seconds, 4)}))


def _headers(request_id: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-request-id", request_id.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
    ]


async def _refuse(error: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    scope["state"]["note"]["code"] = error.code
    await drained(Request(scope, receive))
    await error.response()(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    request.state.note["code"] = error.code
    return error.response()


async def _failed(request: Request, error: Exception) -> Response:
    return _FAILED.response()  # what was raised goes on to the entrance, which logs it


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "refused")
    message = {404: "there is nothing at this address; /docs says what there is"}.get(error.status_code, error.detail)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        message = f"{request.method} is not for this address; {allowed} {'are' if ',' in allowed else 'is'}"
    request.state.note["code"] = code
    return JSONResponse({"error": {"code": code, "message": message}}, error.status_code, headers=error.headers)
