"""How long the stages of an answer take, told to whoever asks for it; costs nothing where nobody does."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

_current: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Within it, a stage is at work; its seconds are added to those of the same name."""
    found = _current.get()
    if found is None:
        yield
        return
    started = time.perf_counter()
    try:
        yield
    finally:
        found[name] = found.get(name, 0.0) + time.perf_counter() - started


@contextlib.contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Seconds of each stage that is at work within it, in this thread."""
    found: dict[str, float] = {}
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)
