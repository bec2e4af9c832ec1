"""SIGTERM as an end in good order, as Ctrl-C is: what was worked out is kept, and copies of clips are removed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def sigterm_ends_in_order() -> Iterator[None]:
    """Within it SIGTERM raises SystemExit with the code that a shell has for it, once; the system would end the process
    where it is. Outside of the main thread, where Python cannot listen, it does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one would come amid the tidying
    raise SystemExit(128 + number)
