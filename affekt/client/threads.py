"""Threads for requests. The end of the process waits for none of them, as it does for those of Python's own pool: a
server may take minutes for an answer that nobody wants any more.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
#: Calls that wait for a thread; None where there will be no further ones.
_Waiting = SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]


class Threads(Executor):
    """So many calls at a time; each thread is started when it is first needed."""

    def __init__(self, count: int) -> None:
        self._count, self._waiting = count, _Waiting()
        self._started: list[threading.Thread] = []
        self._lock = threading.Lock()
        # Threads of an executor that nobody has any more end as well.
        self._end = weakref.finalize(self, self._waiting.put, None)

    def submit(self, call: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Have a thread call a function.

        Raises:
            RuntimeError: it was shut down.
        """
        future = Future[R]()
        with self._lock:
            if not self._end.alive:
                raise RuntimeError("the client is closed")
            self._waiting.put((future, partial(call, *args, **kwargs)))
            if len(self._started) < self._count:
                self._started.append(threading.Thread(target=_work, args=(self._waiting,), daemon=True))
                self._started[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no further calls; those that have not begun never do where they are cancelled."""
        with self._lock, contextlib.suppress(Empty):
            while cancel_futures:
                if waiting := self._waiting.get_nowait():
                    waiting[0].cancel()
        self._end()
        for thread in self._started if wait else ():
            thread.join()


def _work(waiting: _Waiting) -> None:
    while call := waiting.get():
        _answer(*call)
        del call  # what it holds may be large
    waiting.put(None)  # for the next thread


def _answer(future: Future[Any], call: Callable[[], Any]) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
