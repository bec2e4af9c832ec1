"""The wall time that one file may take, from its decoding to its answer."""

from __future__ import annotations

import time
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
