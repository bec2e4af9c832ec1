"""Cron expressions of five fields, read strictly, and said again as other programs want them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Name, least and greatest value of each field, and the names that its values have, from the least on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:(\*)|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]+))?", re.IGNORECASE)


@dataclass(frozen=True)
class Cron:
    """When something starts, by the wall clock of a time zone.

    Each field holds its values in order, or nothing where every value is meant. Weekdays count from Sunday, 0.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read ``minute hour day month weekday``: numbers, names, lists, ranges and steps.

        Raises:
            ValueError: says what is wrong. A day of the month together with a weekday is refused, since programs differ
                on whether both or one of them has to fit.
        """
        fields = text.split()
        if len(fields) != len(_FIELDS):
            raise ValueError(
                f"expected five fields, minute hour day month weekday, like 0 3 * * 1 (Mondays at 3), got {text!r}"
            )
        values = [
            _values(field, name, least, most, names)
            for field, (name, least, most, names) in zip(fields, _FIELDS, strict=True)
        ]
        # Sunday is 0 and 7.
        weekdays = sorted({value % 7 for value in values[4]})
        values[4] = tuple(weekdays) if len(weekdays) < 7 else ()
        if values[2] and values[4]:
            raise ValueError(
                "a day of the month together with a day of the week means different things to different programs; "
                "write two schedules"
            )
        found = cls(*values)
        if not found.possible:
            raise ValueError(f"{text!r} is a day that no year has")
        return found

    @property
    def possible(self) -> bool:
        """Whether there is such a day in some year."""
        longest = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
        return not self.days or any(
            min(self.days) <= longest.get(month, 31) for month in (self.months or tuple(range(1, 13)))
        )

    @property
    def five_fields(self) -> str:
        """As crontab and Kubernetes read it, all in numbers."""
        return " ".join(map(_listed, self._in_order))

    @property
    def kubeflow(self) -> str:
        """As Kubeflow Pipelines reads it: with seconds in front."""
        return f"0 {self.five_fields}"

    def systemd(self, time_zone: str) -> str:
        """As ``OnCalendar`` of a systemd timer reads it."""
        weekdays = ",".join(_DAYS[day].title() for day in self.weekdays)
        date = f"*-{_listed(self.months, 2)}-{_listed(self.days, 2)}"
        time = f"{_listed(self.hours, 2)}:{_listed(self.minutes, 2)}:00"
        return " ".join(part for part in (weekdays, date, time, time_zone) if part)

    @property
    def named_weekdays(self) -> str:
        """The weekdays by name, for programs that count them from another day; ``*`` for all."""
        return ",".join(_DAYS[day] for day in self.weekdays) or "*"

    @property
    def _in_order(self) -> tuple[tuple[int, ...], ...]:
        return self.minutes, self.hours, self.days, self.months, self.weekdays


def _listed(values: tuple[int, ...], digits: int = 1) -> str:
    return ",".join(f"{value:0{digits}}" for value in values) or "*"


def _values(field: str, name: str, least: int, most: int, names: tuple[str, ...]) -> tuple[int, ...]:
    """The values of a field; none where it means all."""

    def number(text: str) -> int:
        known = {each: least + place for place, each in enumerate(names)}
        value = known.get(text.lower(), int(text) if text.isdigit() else -1)
        if not least <= value <= most:
            named = f" or {names[0]} to {names[-1]}" if names else ""
            raise ValueError(f"the {name} is {text!r}; expected {least} to {most}{named}")
        return value

    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise ValueError(f"the {name} is {field!r}; expected *, numbers, lists like 1,15, ranges 1-5 or steps */2")
        star, first, last, step = match.groups()
        every = int(step) if step else 1
        if every < 1 or (step and not star and not last):
            raise ValueError(f"the {name} is {field!r}; a step is a number from 1 on behind * or a range, like */2")
        begin = least if star else number(first)
        # The seventh weekday is Sunday again, and * must not count it twice.
        end = (min(most, 6) if names is _DAYS else most) if star else number(last) if last else begin
        if end < begin:
            raise ValueError(f"the {name} is {field!r}; a range goes upward")
        found.update(range(begin, end + 1, every))
    whole = set(range(least, (6 if names is _DAYS else most) + 1))
    return () if found >= whole else tuple(sorted(found))
