"""``affekt serve``: a registered model behind the door, on this machine."""

from __future__ import annotations

import argparse
import re
import signal
import threading
from pathlib import Path

from affekt.errors import AffektError, UsageError
from affekt.home import home
from affekt.pipelines.cli.remarks import remark
from affekt.serving.door.options import LOCAL
from affekt.serving.server import LocalServer


def main(options: argparse.Namespace) -> int:
    """Serve until interrupted or terminated."""
    if refused := _refused(options):
        raise UsageError(refused, code="usage")
    # As Ctrl-C, so that either also ends a start that is under way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _serve(options)
    except KeyboardInterrupt:
        return 0


def _serve(options: argparse.Namespace) -> int:
    stop = threading.Event()
    with LocalServer(
        lambda: _found(options.model),
        engine=options.engine,
        port=options.port,
        workers=options.workers,
        buckets=options.bucket,
        address=options.address,
        keys=Path(options.keys) if options.keys else None,
        without_keys=options.without_keys,
        hosts=options.host,
        origins=options.origin,
        watch=options.watch,
        slower=options.slower,
        people=options.people,
        people_minutes=options.people_minutes,
        tried=not options.untried,
        home=home(),
    ) as server:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        print(f"{options.model} answers at {server.url}; try: affekt predict CLIP --url {server.url}", flush=True)
        remark(server.confinement)
        print("stop with Ctrl-C", flush=True)
        if options.follow:
            from affekt.pipelines.cli.following import Following  # what only a server that follows needs

            following = Following(options.model, server.version, server.running_server())
            # Beside this thread: a deployment, or a registry that does not answer, takes long, and is not waited for.
            threading.Thread(target=following.run, args=(stop,), daemon=True).start()
        while not stop.wait(1.0):
            if why := server.lost():
                raise AffektError(f"{why}:\n{server.log_tail()}", code="server_failed")
    return 0


def _found(reference: str) -> tuple[Path, str]:
    """The folder of a model and its version, which is the first where it is a folder itself."""
    from affekt.registry import Tracking, resolve, version_of  # heavy: the server starts meanwhile

    tracking = Tracking()
    return resolve(reference, tracking), version_of(reference, tracking) or "1"


def _refused(options: argparse.Namespace) -> str:
    """Why these flags cannot be used together, or name what they do not mean; empty where they are right."""
    if options.keys and options.without_keys:
        return "--keys asks every client for a key and --without-keys none; choose one"
    if options.without_keys and options.address in LOCAL:
        return f"--without-keys opens an address that other machines reach, and {options.address} is none; leave it out"
    if options.follow and "@" not in options.model:
        return f"--follow waits for another version of a name, and {options.model} stays what it is; name it@champion"
    for origin in options.origin:
        if not re.fullmatch(r"https?://[^/\s?#]+", origin):
            return f"--origin is {origin!r}; expected the scheme and the name of a site, like https://example.org"
    for bucket in options.bucket:
        if not re.fullmatch(r"[a-zA-Z0-9][\w.-]*", bucket, re.ASCII):
            return f"--bucket is {bucket!r}; expected the bare name of a bucket, like clips"
    for host in options.host:
        if not re.fullmatch(r"[\w.-]+|[0-9a-fA-F:]+|\[[0-9a-fA-F:]+\]", host):
            return f"--host is {host!r}; expected a bare name without a scheme and a port, like emotions.example.org"
    return ""
