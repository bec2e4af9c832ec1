"""What applying a file of schedules would change, as values; nothing is changed here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from affekt.json_document import JsonDocument
from affekt.pipelines.schedules.schedule import Schedule

Action = Literal["create", "replace", "resume", "pause", "remove", "keep", "left"]


@dataclass(frozen=True)
class Kept:
    """A schedule as a back end keeps it.

    Attributes:
        id: of the back end.
        name: of the schedule.
        digest: of what it trains and when.
        enabled: whether it starts by itself.
    """

    id: str
    name: str
    digest: str
    enabled: bool


@dataclass(frozen=True)
class Change(JsonDocument):
    """One line of a plan.

    Attributes:
        action: ``left`` is what is no longer in the file and stays, since nothing said to remove it.
        name: of the schedule.
        ids: what the back end has of it, and which goes or changes.
        why: in a few words.
    """

    action: str
    name: str
    ids: tuple[str, ...] = ()
    why: str = ""


def plan(wanted: Sequence[Schedule], kept: Iterable[Kept], digests: dict[str, str], *, prune: bool) -> list[Change]:
    """What has to be done so that a back end keeps what a file says.

    Args:
        wanted: the schedules of the file that are for this back end.
        kept: what the back end has of the file's group.
        digests: of each wanted schedule by name, with what the back end adds.
        prune: whether what is no longer in the file goes.
    """
    there: dict[str, list[Kept]] = {}
    for each in kept:
        there.setdefault(each.name, []).append(each)
    changes = [_change(schedule, there.pop(schedule.name, []), digests[schedule.name]) for schedule in wanted]
    for name, found in sorted(there.items()):
        ids = tuple(each.id for each in found)
        action, why = ("remove", "not in the file") if prune else ("left", "not in the file; --prune removes it")
        changes.append(Change(action, name, ids, why))
    return changes


def _change(schedule: Schedule, found: list[Kept], digest: str) -> Change:
    ids = tuple(each.id for each in found)
    if not found:
        return Change("create", schedule.name, (), "new" if schedule.enabled else "new, and paused")
    if len(found) > 1:
        return Change("replace", schedule.name, ids, "it is there more than once")
    if found[0].digest != digest:
        return Change("replace", schedule.name, ids, "it changed")
    if found[0].enabled != schedule.enabled:
        action, why = ("resume", "the file enables it") if schedule.enabled else ("pause", "the file disables it")
        return Change(action, schedule.name, ids, why)
    return Change("keep", schedule.name, ids, "as in the file")
