"""Progress of long work: a bar with the time left on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from affekt import events

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
#: Seconds from one plain line to the next.
PLAIN_INTERVAL = 10.0
#: The same where another process listens, which shows what it likes of them.
EVENT_INTERVAL = 1.0
#: Seconds until a bar is drawn, and until a wait without one is told; between looks whether it has to be.
_DRAWN_AFTER, _TOLD_AFTER, _LOOK = 0.5, 2.0, 0.25
#: Seconds after which a rate says something.
_SETTLED = 1.0
_MEGA = 1_000_000
#: Of a terminal that says that it has neither, as under script and in some CI.
_COLUMNS, _ROWS = 79, 24
_bars = True


class _Shown:
    """What this process shows: bars, all that count work, when the last of them ended, and when one last spoke."""

    drawn = counting = 0
    ended = spoke = time.monotonic()


def heard() -> bool:
    """Whether anybody wants to hear more than results and errors (``--quiet`` does not)."""
    return logging.getLogger("affekt.progress").isEnabledFor(logging.WARNING)


def on_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that moves its cursor and shows colours; ``TERM=dumb`` is not."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _room(stream: TextIO) -> dict[str, Any]:
    """The room of a bar: the terminal's, as it changes; a usual line where the terminal says that it has none."""
    try:
        known = os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError):
        known = True
    return {"dynamic_ncols": True} if known else {"ncols": _COLUMNS, "nrows": _ROWS}


@contextmanager
def without_bars() -> Iterator[None]:
    """Within it a terminal gets plain lines as well: beside a document for machines."""
    global _bars
    before, _bars = _bars, False
    try:
        yield
    finally:
        _bars = before


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
        self._started = time.monotonic()
        self._interval = EVENT_INTERVAL if events.listened() else PLAIN_INTERVAL
        # The first line need not wait where another piece of work was the last to speak, long ago.
        sooner = 0.0 if events.listened() else max(PLAIN_INTERVAL - _SETTLED, 0.0)
        self._spoke = max(_Shown.spoke, self._started - sooner)
        self._bar: tqdm | None = None
        self._drawing: threading.Timer | None = None
        if _bars and on_terminal(sys.stderr) and heard():
            from tqdm import tqdm  # heavy, and where nobody looks at a terminal nothing draws

            self._bar = tqdm(
                total=total, initial=before, desc=label, unit=unit, leave=False, delay=_DRAWN_AFTER, **_room(sys.stderr)
            )
            self._drawing = threading.Timer(_DRAWN_AFTER, self._draw)
            self._drawing.daemon = True
            self._drawing.start()
        _Shown.drawn += self._bar is not None
        _Shown.counting += 1

    def _draw(self) -> None:
        """Draw the bar, though nothing may be done yet."""
        if self._bar is not None:
            self._bar.delay = 0
            self._bar.refresh()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Report ``count`` more units as done, with a short note such as the loss."""
        self.done += count
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(count)
        elif time.monotonic() - self._spoke >= self._interval:
            self._spoke = _Shown.spoke = time.monotonic()
            rate = (self.done - self._before) / (self._spoke - self._started)
            left = (self.total - self.done) / rate if rate else None
            events.log(events.Progress(self.label, self.done, self.total, self.unit, rate, left, note))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            self._drawing.join()
        if self._bar is not None:
            self._bar.close()
        _Shown.drawn -= self._bar is not None
        _Shown.counting -= 1
        _Shown.ended = time.monotonic()


class MegaBytes:
    """Progress of what is counted in bytes, shown in megabytes; use it as a context manager.

    Args:
        label: what is done with them.
        total: bytes; None where nobody knows.
        have: those that are done already.
    """

    def __init__(self, label: str, total: int | None, have: int = 0) -> None:
        self._progress = Progress(label, (total or 0) // _MEGA, "MB")
        self._progress.advance(have // _MEGA)

    def at(self, have: int) -> None:
        """Report that so many bytes are done in all."""
        if have // _MEGA > self._progress.done:
            self._progress.advance(have // _MEGA - self._progress.done)

    def __enter__(self) -> MegaBytes:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, value, trace)


@contextmanager
def told_when_slow(what: str) -> Iterator[None]:
    """Within it a line says what is waited for, once that takes longer than two seconds and no bar shows it.

    Where bars or lines of progress came and went in the meantime, and it is silent again for as long, it is told again.
    """
    over = threading.Event()

    def tell() -> None:
        silent_since, told = time.monotonic(), False
        while not over.wait(min(_LOOK, _TOLD_AFTER)):
            if _Shown.drawn or (told and _Shown.counting):
                continue
            if _Shown.ended > silent_since:
                silent_since, told = _Shown.ended, False
            if not told and time.monotonic() - silent_since >= _TOLD_AFTER:
                told, _Shown.spoke = True, time.monotonic()
                logging.getLogger("affekt.progress").info("%s …", what)

    watching = threading.Thread(target=tell, daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()


def track(items: Iterable[T], label: str, total: int, unit: str = "clip") -> Iterator[T]:
    """Yield the items while showing progress."""
    with Progress(label, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
