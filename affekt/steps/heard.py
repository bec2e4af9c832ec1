"""What the processes of a training say to the step that started them: handed on line by line, and what ended them."""

from __future__ import annotations

import collections
import logging
from typing import Any

from affekt import events
from affekt.errors import AffektError

logger = logging.getLogger(__name__)
#: Lines that are kept as last words.
_KEPT = 60


class Heard:
    """Hands on metrics, texts and progress as the step's own; keeps errors, and whether processes were told to stop.

    Args:
        log: receives metrics and the iteration.
        level: at which lines that are no events are logged.

    Attributes:
        stopped: whether a process said that it was told to stop.
    """

    def __init__(self, log: Any = None, level: int = logging.DEBUG) -> None:
        self.stopped = False
        self._log, self._level = log, level
        self._errors: list[events.Error] = []
        self._said: collections.deque[str] = collections.deque(maxlen=_KEPT)

    def line(self, line: str, who: str = "") -> None:
        """Take a line of their output, and from whom it comes."""
        match events.read(line):
            case None:
                self._said.append(f"{who}{line}")
                logger.log(self._level, "%s", self._said[-1])
            case events.Metrics(values=values, iteration=iteration):
                if self._log:
                    self._log(values, iteration)
            case events.Text() | events.Progress() as told:
                events.log(told)
            case events.Error(stopped=True):
                self.stopped = True
            case events.Error() as error:
                self._errors.append(error)

    @property
    def error(self) -> AffektError | None:
        """The first error that a process raised on purpose."""
        return self._errors[0].to_exception() if self._errors else None

    @property
    def last_words(self) -> str:
        """The last lines that were no events."""
        return "\n".join(self._said)
