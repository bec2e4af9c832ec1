"""``affekt serve``: a registered model behind the door, on this machine."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from affekt.errors import AffektError
from affekt.home import home
from affekt.pipelines.cli.remarks import remark
from affekt.registry import Tracking, resolve, version_of
from affekt.serving.server import LocalServer


def main(options: argparse.Namespace) -> int:
    """Serve until interrupted or terminated."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    tracking = Tracking()
    folder, version = resolve(options.model, tracking), version_of(options.model, tracking)
    with LocalServer(
        folder,
        engine=options.engine,
        port=options.port,
        workers=options.workers,
        buckets=options.bucket,
        address=options.address,
        keys=Path(options.keys) if options.keys else None,
        without_keys=options.without_keys,
        hosts=options.host,
        origins=options.origin,
        home=home(),
        version=version or "1",
    ) as server:
        print(f"{options.model} answers at {server.url}; try: affekt predict CLIP --url {server.url}", flush=True)
        remark(server.confinement)
        print("stop with Ctrl-C", flush=True)
        while not stop.wait(1.0):
            if not server.running():
                raise AffektError(f"the server ended by itself:\n{server.log_tail()}", code="server_failed")
    return 0
