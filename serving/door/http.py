"""uvicorn's HTTP/1.1 with what it lacks: a time for the head of a request, and errors in the door's one form."""

from __future__ import annotations

import asyncio
import json
import logging
from uuid import uuid4

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger("affekt.door")

#: Seconds for the head of a request.
HEAD_SECONDS = 10.0
_NO_HTTP = "this is no valid HTTP/1.1 request, or its head is too long; send it again by another client"


class Protocol(H11Protocol):
    """A connection that does not wait for ever for a request to begin."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request has to come."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came: perhaps a whole head, perhaps a part of one."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            if self._timer is None and self.timeout_keep_alive_task is None:
                self._await_head()
        else:
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of all errors."""
        request_id = uuid4().hex
        body = json.dumps({"error": {"code": "bad_http", "message": _NO_HTTP}}).encode()
        logger.info("%s", json.dumps({"id": request_id, "status": 400, "code": "bad_http", "why": msg}))
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
            ("x-request-id", request_id),
        ]
        reason = b"Bad Request"
        for event in (
            h11.Response(status_code=400, headers=headers, reason=reason),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            output = self.conn.send(event)
            if output:
                self.transport.write(output)
        self.transport.close()

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
