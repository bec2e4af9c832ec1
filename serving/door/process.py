"""The process of the door: ``python -m affekt.serving.door.process``; its input says how to serve, then what.

Between the two lines the engine starts: whoever starts the door may still look for the model.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import logging
import os
import resource
import signal
import socket
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from affekt import events
from affekt.errors import AffektError, as_affekt_error
from affekt.serving.door.options import LOOPBACK, Options, Served

if TYPE_CHECKING:
    from affekt.serving.door.listening import Listening  # imported while the engine starts
    from affekt.serving.door.versions import Version  # likewise
    from affekt.serving.engines.engine import Engine  # likewise

logger = logging.getLogger(__name__)

#: Files that the door may have open: each connection is one, and a stranger soon has the 1,024 that are usual.
_FILES = 65_536


def main() -> int:
    """Serve until SIGTERM or SIGINT; what went wrong is an event on the output."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an event
    with os.fdopen(0, "rb", buffering=0, closefd=False) as told:  # without a buffer: the second line is read later
        options = Options.from_dict(json.loads(told.readline()))
    _allow_files()
    os.umask(0o077)  # clips and sockets are nobody else's
    _log_to(options.log)
    try:
        asyncio.run(_serve(options, answers))
    except AffektError as error:
        events.write(events.Error.of(error), answers)
        return 1
    return 0


async def _serve(options: Options, answers: TextIO) -> None:
    started = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        front = stack.enter_context(_bound(options.address, options.port))
        metrics = stack.enter_context(_bound(options.address, options.metrics_port)) if options.metrics_port else None
        engine = _engine(options)
        try:
            serving = asyncio.create_task(_started(options, engine, stop, stack, front, metrics))
            await asyncio.wait({serving, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await serving
                return
            servers = serving.result()
            running = [asyncio.create_task(server.serve(sockets=[used])) for server, used in servers]
            while not all(server.started for server, _ in servers) and not any(task.done() for task in running):
                await asyncio.sleep(0.01)
            from affekt.serving.confined import possible  # heavy: not before the engine is started

            logger.info("%s", possible())
            said = {"port": front.getsockname()[1], "metrics_port": metrics.getsockname()[1] if metrics else 0}
            said |= {"confinement": possible()}
            events.write(events.Done(time.monotonic() - started, said), answers)
            lost = asyncio.create_task(engine.lost())
            await asyncio.wait({lost, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
            for server, _ in servers:
                server.should_exit = True
            await asyncio.gather(*running)
            if lost.done():
                logger.error("%s; the server ends, for whatever keeps it running to start it again", lost.result())
                raise AffektError(lost.result(), code="engine_lost")
            lost.cancel()
        finally:
            await engine.stop()


async def _started(
    options: Options,
    engine: Engine,
    stop: asyncio.Event,
    stack: contextlib.ExitStack,
    front: socket.socket,
    metrics: socket.socket | None,
) -> list[Listening]:
    await engine.start()
    from affekt.serving.door.versions import Versions  # heavy: the engine starts meanwhile

    served = await _served(stop)
    versions = Versions(options.name, engine, workers=served.workers, room=options.room)
    imported = asyncio.create_task(asyncio.to_thread(importlib.import_module, "affekt.serving.door.listening"))
    first = await versions.add(served.version, Path(served.ensemble))
    await _tried(engine, first, served)
    versions.default = first.name
    listening = await imported
    admin = stack.enter_context(_socket_file(options.admin))
    found: list[Listening] = listening.servers(options, versions, engine.inbox, front, admin, metrics)
    return found


async def _tried(engine: Engine, first: Version, served: Served) -> None:
    from affekt.serving.door.trial import Trial, ask_trials  # as the versions

    try:
        trials = [Trial.from_dict(each) for each in served.trials]
        await ask_trials(engine, first, trials, at_once=served.workers)
    except AffektError as error:
        raise AffektError(
            f"a clip that it carries is not answered as where it was trained: {error.message}; affekt serve --untried "
            "answers with it all the same",
            code="trial_failed",
            where=served.ensemble,
        ) from error


async def _served(stop: asyncio.Event) -> Served:
    """What the second line of the input says; at the end of the input, whenever that comes, the server is to stop."""
    reader = asyncio.StreamReader()
    protocol = _Starter(reader, stop)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(0, "rb", buffering=0))
    line = await reader.readline()
    if not line:
        raise AffektError("whoever started the server has named no model", code="no_model")
    return Served(**json.loads(line))


class _Starter(asyncio.StreamReaderProtocol):
    """Whoever started the server, who keeps its input open as long as he is there.

    The guard sees to it that the server ends with him; but a guard may be stopped or killed.
    """

    def __init__(self, reader: asyncio.StreamReader, stop: asyncio.Event) -> None:
        super().__init__(reader)
        self._stop = stop

    def eof_received(self) -> bool:
        """He is gone, in whatever way."""
        self._stop.set()
        return bool(super().eof_received())


def _engine(options: Options) -> Engine:
    from affekt.serving.engines.torchserve_configuration import Layout  # what only the engine needs, as the next

    layout = Layout(work=Path(options.work), temporary=Path(options.temporary))
    if options.engine == "direct":
        from affekt.serving.engines.direct import DirectEngine  # one of the two is needed, and waited for

        layout.make()
        return DirectEngine(options.name, layout.clips, layout.scratch, options.threads, ahead=options.ahead)
    from affekt.serving.engines.torchserve import TorchServeEngine  # as above

    return TorchServeEngine(options.name, layout, options.threads)


def _allow_files() -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _bound(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    used = socket.socket(family)
    used.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        used.bind((address, port))
    except socket.gaierror as error:
        used.close()
        raise AffektError(
            "is no address; name one of this machine, such as 0.0.0.0 for all of them", code="no_address", where=address
        ) from error
    except OSError as error:
        used.close()
        place = f"port {port}" if address == LOOPBACK else f"port {port} of {address}"
        raise AffektError(f"{place} cannot be had: {as_affekt_error(error).message}", code="port_in_use") from error
    return used


def _socket_file(path: Path) -> socket.socket:
    used = socket.socket(socket.AF_UNIX)
    used.bind(str(path))  # with the process's umask: its owner's alone
    return used


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=10_000_000, backupCount=2, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("affekt").setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
