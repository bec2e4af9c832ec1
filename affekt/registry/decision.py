"""What the gate says of a challenger, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from affekt.json_document import JsonDocument


@dataclass(frozen=True)
class Decision(JsonDocument):
    """What the gate says, why in sentences of which the last is the verdict, and the figures behind them.

    ``evaluated`` is false where nothing could be said for or against; nothing is promoted then.
    """

    promote: bool
    reasons: list[str]
    figures: Mapping[str, Any] = field(default_factory=dict)
    evaluated: bool = field(default=True, metadata={"key": "judged"})  # as in stored decisions

    def but(self, reason: str, **figures: Any) -> Decision:
        """The same with the verdict turned against the challenger, for a reason that was found afterwards."""
        told = [*self.reasons[:-1], f"{reason}: the challenger is not promoted."]
        return Decision(False, told, {**self.figures, **figures})

    def also(self, reason: str, **figures: Any) -> Decision:
        """The same with one more sentence, which does not change the verdict."""
        return replace(self, reasons=[*self.reasons, reason], figures={**self.figures, **figures})
