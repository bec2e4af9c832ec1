"""The server in a container: ``python -m affekt.serving.container`` serves, and with ``ready`` behind it probes it.

The environment says what is served: ``AFFEKT_MODEL`` is a folder or a registered model (``affekt@champion``),
``AFFEKT_WORKERS`` the number of worker processes (default as many as there are cores and memory for),
``AFFEKT_KEYS`` is a file of keys, without which ``AFFEKT_WITHOUT_KEYS=1`` has to be set,
``AFFEKT_PEOPLE`` and ``AFFEKT_PEOPLE_MINUTES`` are how many persons callers may name at once, and for how long,
``AFFEKT_HOSTS`` names of the server in the Host header, with commas between them,
``AFFEKT_UNTRIED=1`` serves a model also where it does not answer the clips that it carries as where it was trained,
``AFFEKT_ENGINE`` is ``torchserve`` or ``direct``, ``AFFEKT_ADDRESS`` the network address (default all). What is
empty is as what is not set; a value that is not understood ends the start.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from affekt.errors import AffektError, UsageError

INFERENCE, METRICS = 8080, 8082
Word = TypeVar("Word", bound=str)


def serve() -> int:
    """Serve until SIGTERM or SIGINT, then answer what has arrived and end.

    Returns:
        0 when it was told to end; 1 when there is nothing to serve, or the server ended by itself.
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
            engine=_one_of("AFFEKT_ENGINE", ("torchserve", "direct")),
            workers=_number("AFFEKT_WORKERS", 0) or None,
            port=INFERENCE,
            metrics_port=METRICS,
            keys=Path(os.environ["AFFEKT_KEYS"]) if os.environ.get("AFFEKT_KEYS") else None,
            without_keys=_one_of("AFFEKT_WITHOUT_KEYS", ("0", "1")) == "1",
            people=_number("AFFEKT_PEOPLE", 200),
            people_minutes=_number("AFFEKT_PEOPLE_MINUTES", 30),
            hosts=[name for name in os.environ.get("AFFEKT_HOSTS", "").split(",") if name],
            address=os.environ.get("AFFEKT_ADDRESS", "0.0.0.0"),
            tried=_one_of("AFFEKT_UNTRIED", ("0", "1")) == "0",
        )
        for log in server.logs:
            threading.Thread(target=follow, args=(log, sys.stdout), daemon=True).start()
        server.start()
        while not (why := server.lost()):
            time.sleep(0.5)
        logging.error("%s:\n%s", why, server.log_tail())
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


def _number(name: str, otherwise: int) -> int:
    text = os.environ.get(name, "").strip()
    if text and not (text.isascii() and text.isdecimal()):
        raise UsageError(f"{name} is {text!r}; expected a whole number, such as {otherwise}", code="usage")
    return int(text or otherwise)


def _one_of(name: str, values: tuple[Word, ...]) -> Word:
    """What is set; the first of the values where nothing is."""
    text = os.environ.get(name, "").strip() or values[0]
    if text not in values:
        raise UsageError(f"{name} is {text!r}; expected {' or '.join(values)}", code="usage")
    return values[values.index(text)]


def ready() -> int:
    """0 when a worker can answer."""
    try:
        with urlopen(f"http://127.0.0.1:{INFERENCE}/v2/health/ready", timeout=4):
            return 0
    except HTTPError as error:
        sys.stderr.write(f"{error.read().decode(errors='replace')}\n")
    except (URLError, OSError) as error:
        sys.stderr.write(f"the server does not answer: {error}\n")
    return 1


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


if __name__ == "__main__":
    sys.exit(ready() if sys.argv[1:] == ["ready"] else serve())
