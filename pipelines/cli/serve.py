"""``affekt serve``: a registered model behind the door, on this machine."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from affekt.errors import AffektError, as_affekt_error
from affekt.home import home
from affekt.pipelines.cli.deploy import trials_of
from affekt.pipelines.cli.remarks import remark
from affekt.registry import Tracking, resolve, version_of
from affekt.serving.rollout import deploy_ensemble
from affekt.serving.running import RunningServer
from affekt.serving.server import LocalServer

#: Seconds between two looks at what is followed.
_LOOK = 30.0


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
        looked = time.monotonic()
        while not stop.wait(1.0):
            if not server.running():
                raise AffektError(f"the server ended by itself:\n{server.log_tail()}", code="server_failed")
            if options.follow and time.monotonic() - looked > _LOOK:
                version, looked = _followed(options.model, version, server.running_server()), time.monotonic()
    return 0


def _followed(reference: str, version: str | None, server: RunningServer) -> str | None:
    """The version that a reference means, put into the server where it is another; one that fails is tried again."""
    try:
        tracking = Tracking()
        meant = version_of(reference, tracking)
        if meant in (None, version):
            return version
        folder = resolve(reference, tracking)
        with trials_of(folder, []) as trials:
            deploy_ensemble(folder, server, version=str(meant), trials=trials)
    except (AffektError, OSError) as error:
        print(f"affekt: {reference} could not be followed: {as_affekt_error(error)}", file=sys.stderr, flush=True)
        return version
    print(f"now answers with version {meant}", flush=True)
    return meant
