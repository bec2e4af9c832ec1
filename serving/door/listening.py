"""The door's applications as servers on their sockets; the process imports this while the engine loads the model."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from affekt.serving.door.admin import admin_application
from affekt.serving.door.app import application, metrics_application
from affekt.serving.door.desk import Desk
from affekt.serving.door.http import Protocol
from affekt.serving.door.inbox import Inbox
from affekt.serving.door.metrics import Metrics
from affekt.serving.door.options import Options
from affekt.serving.door.versions import Versions

#: Seconds that requests in flight have to be answered after SIGTERM, and those of the administration, which may load a
#: version that nobody will ask any more.
_PATIENCE, _ADMIN_PATIENCE = 60, 1


class Server(uvicorn.Server):
    """A server that leaves signals to the process, which has several."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


#: A server, and the socket on which it listens.
Listening = tuple[Server, socket.socket]


def servers(
    options: Options,
    versions: Versions,
    inbox: Path,
    front: socket.socket,
    admin: socket.socket,
    metrics: socket.socket | None,
) -> list[Listening]:
    """Those of the door, of its administration and, where it has a port of its own, of its metrics.

    Args:
        options: of the door.
        versions: of the model; the default one is there.
        inbox: the folder into which clips are put.
        front: the socket of the door.
        admin: of the administration.
        metrics: of the metrics.
    """
    desk = Desk(options, versions, Inbox(inbox, versions.all[versions.default].max_bytes))
    management = admin_application(versions, options.watch, options.slower)
    found = [
        (_server(application(desk), _counting(desk.metrics)), front),
        (_server(management, patience=_ADMIN_PATIENCE), admin),
    ]
    if metrics is not None:
        found.append((_server(metrics_application(desk), _counting(desk.metrics)), metrics))
    return found


def _counting(metrics: Metrics) -> type[Protocol]:
    """What speaks HTTP, with what was none among the metrics' requests."""

    class Counting(Protocol):
        @staticmethod
        def refused() -> None:
            metrics.answered("other", 400, {"code": "bad_http"}, 0.0)

    return Counting


def _server(app: ASGIApp, protocol: type[Protocol] = Protocol, patience: int = _PATIENCE) -> Server:
    return Server(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=patience,
        )
    )
