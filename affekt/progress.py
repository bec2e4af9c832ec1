"""Progress of long work: a bar with the time left on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TextIO, TypeVar

from tqdm import tqdm

from affekt import events

T = TypeVar("T")
#: Seconds from one plain line to the next.
PLAIN_INTERVAL = 10.0
#: The same where another process listens, which shows what it likes of them.
EVENT_INTERVAL = 1.0


def heard() -> bool:
    """Whether anybody wants to hear more than results and errors (``--quiet`` does not)."""
    return logging.getLogger("affekt.progress").isEnabledFor(logging.WARNING)


def on_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that moves its cursor and shows colours; ``TERM=dumb`` is not."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Progress:
    """Counts ``total`` units of work and shows how far it is; use it as a context manager.

    On a terminal (stderr) it is a tqdm bar; elsewhere an INFO line on the logger ``affekt.progress`` at most every ten
    seconds, with the rate and an estimate of the time left. Where another process listens to this one, the record
    carries an :class:`affekt.events.Progress`, and there is one a second. ``before`` units were done by an earlier
    start, which tell nothing of the rate.
    """

    def __init__(self, label: str, total: int, unit: str = "clip", *, before: int = 0) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = self._before = before
        self._started = self._spoke = time.monotonic()
        self._interval = EVENT_INTERVAL if events.listened() else PLAIN_INTERVAL
        self._bar: tqdm | None = None
        if on_terminal(sys.stderr) and heard():
            self._bar = tqdm(total=total, initial=before, desc=label, unit=unit, leave=False, dynamic_ncols=True)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Report ``count`` more units as done, with a short note such as the loss."""
        self.done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._spoke >= self._interval:
            self._spoke = time.monotonic()
            rate = (self.done - self._before) / (self._spoke - self._started)
            left = (self.total - self.done) / rate if rate else None
            events.log(events.Progress(self.label, self.done, self.total, self.unit, rate, left, note))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def track(items: Iterable[T], label: str, total: int, unit: str = "clip") -> Iterator[T]:
    """Yield the items while showing progress."""
    with Progress(label, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
