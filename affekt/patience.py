"""Waiting for a service that is away: a request is repeated until it is answered, or until patience ends.

Within a pipeline step requests to MLflow and S3 are repeated for ``AFFEKT_PATIENCE`` seconds (600), so that a restart
of either costs the wait and not the training. Commands that a person waits for have less patience.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from affekt.errors import AffektError, UsageError

T = TypeVar("T")
logger = logging.getLogger(__name__)

#: Environment variable: how long a step waits for a service that does not answer, seconds.
VARIABLE = "AFFEKT_PATIENCE"
DEFAULT = 600.0
#: Seconds from one line about the waiting to the next.
SAID_EVERY = 15.0
#: Seconds between tries; the last is repeated.
_PAUSES = (1.0, 2.0, 4.0, 5.0)

_in_a_step = False
_limit: ContextVar[float] = ContextVar("limit", default=float("inf"))


def patience(otherwise: float = 0.0) -> float:
    """How long this process waits for a service, seconds: within a step as set, ``otherwise`` elsewhere.

    Raises:
        UsageError: what is set is no number of seconds.
    """
    return min(_set() if _in_a_step else otherwise, _limit.get())


def _set() -> float:
    given = os.environ.get(VARIABLE) or DEFAULT
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UsageError(f"{VARIABLE} is {given!r}; expected a number of seconds, such as 600", code="usage")
    return seconds


@contextmanager
def as_a_step() -> Iterator[None]:
    """Within it this process waits as a pipeline step does."""
    global _in_a_step
    before, _in_a_step = _in_a_step, True
    try:
        yield
    finally:
        _in_a_step = before


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Within it nothing waits longer than that for a service."""
    token = _limit.set(min(seconds, _limit.get()))
    try:
        yield
    finally:
        _limit.reset(token)


def repeated(
    call: Callable[[], T],
    worth: Callable[[Exception], float],
    *,
    seconds: float,
    service: str,
    where: str,
) -> T:
    """The answer to a request, which is repeated as long as that may help.

    While nobody answers there is a line every 15 seconds.

    Args:
        call: sends the request; it may be done more than once.
        worth: for how many seconds an error of it is worth repeating; 0 for one that stays.
        seconds: the most to wait in all.
        service: who is asked, for the lines.
        where: the service's address as it may be shown.

    Raises:
        AffektError: ``unanswered``: patience has ended.
        Exception: what ``call`` raised and is not worth repeating, or has no time to be.
    """
    if seconds <= 0:
        return call()
    started, tries = time.monotonic(), 0
    with _said(service, where, seconds):
        while True:
            try:
                answer = call()
            except Exception as error:
                waited = time.monotonic() - started
                worthwhile = min(seconds, worth(error))
                if worthwhile <= 0:
                    raise
                if waited >= worthwhile:
                    raise _unanswered(error, service, where, waited) from error
                time.sleep(max(0.0, min(_PAUSES[min(tries, len(_PAUSES) - 1)], worthwhile - waited)))
                tries += 1
            else:
                if tries:
                    logger.info("%s answers again after %.0f s", service, time.monotonic() - started)
                return answer


def _unanswered(error: Exception, service: str, where: str, waited: float) -> AffektError:
    last = error.message if isinstance(error, AffektError) else " ".join(str(error).split())
    return AffektError(
        f"{service} gave no usable answer for {waited:.0f} s ({VARIABLE} sets how long a step waits); start the same "
        f"again when it is back. The last try: {last[:300]}",
        code="unanswered",
        where=where,
    )


@contextmanager
def _said(service: str, where: str, seconds: float) -> Iterator[None]:
    """Say every 15 seconds that there is still no answer, also while one try takes long."""
    answered = threading.Event()

    def say() -> None:
        waited = 0.0
        while not answered.wait(SAID_EVERY):
            waited += SAID_EVERY
            logger.warning(
                "no answer of %s at %s for %.0f s; waiting for at most %.0f s", service, where, waited, seconds
            )

    speaker = threading.Thread(target=say, name="affekt-patience", daemon=True)
    speaker.start()
    try:
        yield
    finally:
        answered.set()
        speaker.join()
