"""The limits of a setting, and the settings that all trained networks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class In:
    """Limits of a setting: a closed range, or the list of what it may be."""

    low: float | None = None
    high: float | None = None
    one_of: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()

    @property
    def choices(self) -> tuple[str, ...]:
        """What the setting may be; asked for when it is needed, where that depends on what is installed."""
        return self.one_of() if callable(self.one_of) else self.one_of
