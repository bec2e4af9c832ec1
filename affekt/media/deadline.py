"""The wall time that one file may take, from its decoding to its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from affekt.errors import MediaError
from affekt.settings import MediaSettings


@dataclass(frozen=True)
class Deadline:
    """When the time of one file is over.

    Attributes:
        ends: by :func:`time.monotonic`.
        seconds: that were allowed.
        where: what an error calls the file.
    """

    ends: float
    seconds: float
    where: str

    @classmethod
    def of(cls, settings: MediaSettings, where: object) -> Deadline:
        """That of ``media.timeout_seconds``, from now on."""
        return cls(time.monotonic() + settings.timeout_seconds, settings.timeout_seconds, str(where))

    def check(self, doing: str) -> None:
        """Go on only while there is time.

        Raises:
            MediaError: ``timeout``.
        """
        if time.monotonic() >= self.ends:
            raise self.over(doing)

    def over(self, doing: str) -> MediaError:
        """The error of a file whose time is over."""
        return MediaError(
            f"was not done in time, {doing}; media.timeout_seconds is {self.seconds:g}; cut the clip or raise the "
            "limit",
            code="timeout",
            where=self.where,
        )

    @contextmanager
    def held(self, doing: str) -> Iterator[None]:
        """Within it, :func:`check_time` is :meth:`check`."""
        before = _HELD.set((self, doing))
        try:
            yield
        finally:
            _HELD.reset(before)


_HELD: ContextVar[tuple[Deadline, str] | None] = ContextVar("deadline", default=None)


def check_time() -> None:
    """Go on only while there is time, where somebody holds a deadline: between the passes of a network.

    Raises:
        MediaError: ``timeout``.
    """
    held = _HELD.get()
    if held is not None:
        held[0].check(held[1])
