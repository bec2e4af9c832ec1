"""uvicorn's HTTP/1.1 with what it lacks: a time for the head of a request, line ends before it, answers for a client
that has ended its side of the connection, and errors in the door's one form.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable
from uuid import uuid4

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from affekt.serving.door.inbox import BODY_SECONDS, IDLE_SECONDS

logger = logging.getLogger("affekt.door")

#: Seconds for the head of a request.
HEAD_SECONDS = 10.0
#: Seconds after which a client that ended its side is looked at, at first and at most; in between each time twice that.
_LOOK_SECONDS, _LOOK_MOST_SECONDS = 0.01, 0.5
#: Seconds in which a client takes nothing of its answer, until it is taken for gone.
UNREAD_SECONDS = 60.0
#: With which every answer begins.
_BEGINNING = b"HTTP/1.1 "
_NO_HTTP = "this is no valid HTTP/1.1 request, or its head is too long; send it again by another client"


class Protocol(H11Protocol):
    """A connection that does not wait for ever for a request to begin.

    A client may send its requests and end its side of the connection, as ``nc -N`` does. TCP tells this no otherwise
    than that the client has gone, until something is sent: who has gone resets the connection then. What may be sent
    before an answer is known is that with which all of them begin.
    """

    #: Is told of each request that was no HTTP, which no application hears of.
    refused: Callable[[], None] = staticmethod(lambda: None)
    _timer: asyncio.TimerHandle | None = None
    _look: asyncio.TimerHandle | None = None
    _ended = False
    _body_ends = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there; its first request has to come."""
        super().connection_made(transport)
        used = transport.get_extra_info("socket")
        if hasattr(socket, "TCP_USER_TIMEOUT") and used.family != socket.AF_UNIX:  # Linux
            used.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * UNREAD_SECONDS))
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came: perhaps a whole head, perhaps a part of one."""
        if self.conn.their_state is h11.MUST_CLOSE:
            return  # a line end, as of old clients, behind the one request that they make
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            if self._timer is None and self.timeout_keep_alive_task is None:
                self._await_head()
        else:
            self._forget()
            if self.conn.their_state is h11.SEND_BODY and self.cycle.response_complete:
                left = self._body_ends - self.loop.time()
                self._timer = self.loop.call_later(min(IDLE_SECONDS, left), self.transport.close)

    def handle_events(self) -> None:
        """Look what there is to do; line ends before a request are passed over, as RFC 9112 (2.2) asks."""
        if self.conn.our_state is self.conn.their_state is h11.IDLE:
            waiting, _ = self.conn.trailing_data
            if waiting != (request := waiting.lstrip(b"\r\n")):
                self.conn = h11.Connection(h11.SERVER)  # what the other one has cannot be taken from it
                if request:  # no bytes would mean that the client has ended its side
                    self.conn.receive_data(request)
        super().handle_events()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends nothing more; whether the connection is kept for the answers to what it has sent."""
        self._ended = True
        return self._is_awaited()

    def on_response_complete(self) -> None:
        """An answer is sent; a client that sends nothing more gets those to what it has sent already.

        One that sends the rest of a body that nobody wants may do so as long as any other.
        """
        self._body_ends = self.loop.time() + BODY_SECONDS
        self._look_no_more()
        super().on_response_complete()
        if self._ended and not self._is_awaited():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget()
        self._look_no_more()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the form of all errors."""
        request_id = uuid4().hex
        self.refused()
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

    def _is_awaited(self) -> bool:
        """Whether a client that has ended its side may wait for an answer; one that has gone is noticed soon."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete or cycle.more_body:
            return False  # it waits for nothing, or what it sent is no whole request
        asked = not cycle.response_started and not isinstance(cycle.transport, _Begun)  # asyncio may tell the end again
        if asked and self.scope["method"] == "POST":  # others cost nothing
            self.transport.write(_BEGINNING)
            cycle.transport = _Begun(self.transport)
            self._look_after(_LOOK_SECONDS)
        return True

    def _look_after(self, seconds: float) -> None:
        def look() -> None:
            used = self.transport.get_extra_info("socket")
            if used.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.transport.abort()
            else:
                self._look_after(min(2 * seconds, _LOOK_MOST_SECONDS))

        self._look = self.loop.call_later(seconds, look)

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Begun(asyncio.Transport):
    """A connection with the beginning of an answer on it already; the rest of the answer is written here."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport, self._begun = transport, True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes."""
        self._transport.write(bytes(data).removeprefix(_BEGINNING) if self._begun else data)
        self._begun = False

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close it when all is sent."""
        self._transport.close()
