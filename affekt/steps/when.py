"""What makes a training worth while, as settings: any of them is enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from affekt.counted import counted
from affekt.json_document import JsonDocument


@dataclass(frozen=True)
class When(JsonDocument):
    """A training is worth while with any of these.

    Attributes:
        new_clips: so many labelled clips to learn from that the champion did not learn from; 0 for never.
        new_subjects: so many people among them whom it did not learn from; 0 for never.
        days: so many days since the champion was registered; 0 for never.
        drift: where servers keep records: one new clip is enough once the champion is asked about others than it
            learned from (:mod:`affekt.ensemble.drift`); ``""`` for never.
    """

    new_clips: int = 0
    new_subjects: int = 0
    days: int = 0
    drift: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """What a file says: whole numbers from 1 on.

        Raises:
            ValueError: says what is wrong.
        """
        known = [field.name for field in fields(cls)]
        for key, value in values.items():
            if key not in known:
                raise ValueError(f"{key} is not known; expected {', '.join(known)}")
            if key == "drift":
                if not isinstance(value, str) or not value:
                    raise ValueError(f"drift is {value!r}; expected the folder where servers keep records, or s3://")
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{key} is {value!r}; expected a whole number from 1 on")
        if not values:
            raise ValueError(f"expected one or more of {', '.join(known)}")
        return cls(**values)

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """The same from ``key=value`` each.

        Raises:
            ValueError: says what is wrong.
        """
        found: dict[str, Any] = {}
        for word in words:
            key, _, value = word.partition("=")
            found[key] = int(value) if key != "drift" and value.isdigit() and value.isascii() else value
        return cls.of(found)

    @property
    def words(self) -> tuple[str, ...]:
        """As :meth:`parse` reads it."""
        return tuple(f"{key}={value}" for key, value in self.to_dict().items() if value)

    def sentence(self) -> str:
        """In words, joined by or."""
        parts = []
        if self.new_clips:
            parts.append(f"{counted(self.new_clips, 'new clips')}")
        if self.new_subjects:
            parts.append(f"{counted(self.new_subjects, 'new subjects')}")
        if self.days:
            parts.append(f"a champion {counted(self.days, 'days')} old")
        if self.drift:
            parts.append("a new clip and drift")
        return " or ".join(parts)
