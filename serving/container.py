"""TorchServe in a container: ``python -m affekt.serving.container`` serves, and with ``ready`` behind it probes it.

The environment says what is served: ``AFFEKT_MODEL`` is a folder or a registered model (``affekt@champion``),
``AFFEKT_WORKERS`` the number of worker processes, ``AFFEKT_ADDRESS`` the network address (default all).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO
from urllib.error import URLError
from urllib.request import urlopen

from affekt.errors import AffektError

INFERENCE, MANAGEMENT, METRICS = 8080, 8081, 8082


def serve() -> int:
    """Serve until SIGTERM or SIGINT, then answer what has arrived and end.

    Returns:
        0 when it was told to end; 1 when there is nothing to serve, or TorchServe ended by itself.
    """
    from affekt.registry import Tracking, resolve  # heavy: requests, and the probe starts every few seconds
    from affekt.registry.models import find  # as above
    from affekt.serving.server import LocalServer  # as above

    # As KeyboardInterrupt, so that it also ends a start that is under way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    server = None
    try:
        reference = os.environ.get("AFFEKT_MODEL", "affekt@champion")
        name, version = "affekt", "1"
        tracking = Tracking()
        if not Path(reference).is_dir():
            registered = find(reference, tracking)
            # By number, since an alias could move between the two calls.
            reference, name, version = registered.reference, registered.name, str(registered.version)
        server = LocalServer(
            resolve(reference, tracking),
            name=name,
            version=version,
            workers=int(os.environ.get("AFFEKT_WORKERS", "1")),
            port=INFERENCE,
            management_port=MANAGEMENT,
            metrics_port=METRICS,
            address=os.environ.get("AFFEKT_ADDRESS", "0.0.0.0"),
        )
        threading.Thread(target=follow, args=(server.log, sys.stdout), daemon=True).start()
        server.start()
        while server.running():
            time.sleep(0.5)
        logging.error("TorchServe ended by itself:\n%s", server.log_tail())
    except AffektError as error:
        logging.error("%s", error)
    except KeyboardInterrupt:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if server is not None:
            server.stop()
        return 0
    if server is not None:
        server.stop(drain=False)
    return 1


def ready() -> int:
    """0 when every model has a worker that can answer; TorchServe's ``/ping`` says no such thing."""
    base = f"http://127.0.0.1:{MANAGEMENT}/models"
    try:
        models = [entry["modelName"] for entry in _get(base)["models"]]
        waiting = [
            name
            for name in models
            if not any(worker["status"] == "READY" for worker in _get(f"{base}/{name}")[0]["workers"])
        ]
    except (URLError, OSError, ValueError, LookupError) as error:
        sys.stderr.write(f"the management API does not answer: {error}\n")
        return 1
    if waiting or not models:
        sys.stderr.write(f"no worker is ready for {', '.join(waiting) or 'any model'}\n")
        return 1
    return 0


def follow(path: Path, out: TextIO) -> None:
    """Write what is added to a log file, for ever, also when the file is replaced by a new one."""
    while True:
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                while True:
                    if text := file.read():
                        out.write(text)
                        out.flush()
                    elif path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                        break
                    else:
                        time.sleep(0.5)
        except OSError:
            time.sleep(0.5)


def _get(url: str) -> Any:
    with urlopen(url, timeout=4) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(ready() if sys.argv[1:] == ["ready"] else serve())
