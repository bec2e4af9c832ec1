"""Progress of long work: a bar with the time left on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
logger = logging.getLogger("affekt.progress")
#: Seconds from one plain line to the next.
PLAIN_INTERVAL = 10.0


class Progress:
    """Counts ``total`` units of work and shows how far it is; use it as a context manager.

    On a terminal (stderr) it is a tqdm bar; elsewhere an INFO line on the logger ``affekt.progress`` at most every
    ten seconds, with the rate and an estimate of the time left.
    """

    def __init__(self, label: str, total: int, unit: str = "clip") -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self._started = self._spoke = time.monotonic()
        self._bar: tqdm | None = None
        if sys.stderr.isatty():
            self._bar = tqdm(total=total, desc=label, unit=unit, leave=False, dynamic_ncols=True)

    def advance(self, count: int = 1, note: str = "") -> None:
        """Report ``count`` more units as done, with a short note such as the loss."""
        self.done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._spoke >= PLAIN_INTERVAL:
            self._spoke = time.monotonic()
            passed = self._spoke - self._started
            rate = self.done / passed
            left = (self.total - self.done) / rate if rate else float("inf")
            logger.info(
                "%s: %d of %d (%.1f %s/s, about %.0f s left)%s",
                self.label, self.done, self.total, rate, self.unit, left, f", {note}" if note else "",
            )  # fmt: skip

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
