"""Calls of a function for many items, several at once, whose results come in the order of the items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from affekt.client.threads import Threads

T = TypeVar("T")
R = TypeVar("R")


def in_order(call: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[R]:
    """What the function gives for each item, in order; items are taken as they are needed.

    Args:
        call: is called in threads of its own; those that are under way when nobody wants more are not waited for.
        items: of which at most twice ``at_once`` and one are begun before their turn.
        at_once: calls at a time.

    Raises:
        Exception: what the call of the item raised whose turn it is; calls that have not begun do not.
    """
    pool, waiting = Threads(at_once), deque[Future[R]]()
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) > 2 * at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
