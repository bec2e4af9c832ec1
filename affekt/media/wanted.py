"""What another thread works out is given up once whoever waits for it was interrupted or failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event

_OVER: ContextVar[Event | None] = ContextVar("unwanted", default=None)


@contextmanager
def wanted() -> Iterator[None]:
    """Within it, threads that run in a copy of this context are told by :func:`unwanted` if an error leaves it."""
    over = Event()
    before = _OVER.set(over)
    try:
        yield
    except BaseException:
        over.set()
        raise
    finally:
        _OVER.reset(before)


def unwanted() -> Callable[[], bool] | None:
    """What tells any thread whether the work of this one is wanted no longer; None where nobody would say so."""
    over = _OVER.get()
    return None if over is None else over.is_set
