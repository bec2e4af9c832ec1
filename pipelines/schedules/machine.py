"""The schedules of this machine: planned against its database, applied to it, and listed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from affekt.errors import DataError
from affekt.pipelines.schedules.one_run import read_outcome
from affekt.pipelines.schedules.outcome import Outcome
from affekt.pipelines.schedules.plan import Change, plan
from affekt.pipelines.schedules.schedule import Schedule, ScheduleFile
from affekt.pipelines.schedules.serve import next_start
from affekt.pipelines.schedules.state import Known, Run, State


class Machine:
    """Schedules that ``affekt schedule serve`` starts.

    Args:
        file: what is wanted.
        state: the database of this machine.
    """

    runners: tuple[str, ...] = ("local", "docker")

    def __init__(self, file: ScheduleFile, state: State) -> None:
        self.file = file
        self.state = state
        self.place = f"this machine ({state.file})"

    def plan(self, *, prune: bool) -> list[Change]:
        """What applying the file would change.

        Raises:
            DataError: a name belongs to another group.
        """
        wanted = self.file.of(*self.runners)
        others = {each.schedule.name: each.group for each in self.state.known() if each.group != self.file.group}
        taken = [f"{each.name} (of {others[each.name]})" for each in wanted if each.name in others]
        if taken:
            raise DataError(
                f"schedules of these names belong to another group: {', '.join(taken)}; choose other names",
                code="schedule_taken",
            )
        digests = {each.name: each.digest for each in wanted}
        return plan(wanted, self.state.kept(self.file.group), digests, prune=prune)

    def apply(self, changes: Sequence[Change]) -> None:
        """Do what a plan says; each change is whole, and what is interrupted is finished by the next time."""
        for change in changes:
            schedule = self.file.named(change.name)
            if change.action == "remove":
                self.state.remove(change.name)
            elif schedule and change.action in ("create", "replace"):
                self.state.put(self.file.group, schedule)
            elif change.action in ("resume", "pause"):
                self.state.enable(change.name, change.action == "resume")

    def run_now(self, schedule: Schedule) -> str:
        """Ask for a run, which the server of this machine starts within seconds.

        Raises:
            DataError: it was not applied, or a run of it is not over.
        """
        if self.state.run_now(self._known(schedule).schedule) is None:
            raise DataError(f"a run of {schedule.name} is not over; wait for its end", code="schedule_busy")
        return f"is started by `{self.file.command('serve')}` as soon as no other training runs"

    def pause(self, schedule: Schedule) -> str:
        """Let it start no more.

        Raises:
            DataError: it was not applied.
        """
        self.state.enable(self._known(schedule).schedule.name, False)
        return f"paused; `{self.file.command('apply')}` lets it go on"

    def listing(self) -> list[dict[str, Any]]:
        """A row a schedule of the file, in its order; times in the schedule's zone."""
        known = {each.schedule.name: each for each in self.state.known(self.file.group)}
        runs = self.state.runs()
        return [
            {
                "name": schedule.name,
                "place": "machine",
                **_when(schedule, known.get(schedule.name)),
                "runs": [_run(run) for run in runs if run.name == schedule.name],
            }
            for schedule in self.file.of(*self.runners)
        ]

    def _known(self, schedule: Schedule) -> Known:
        for each in self.state.known(self.file.group):
            if each.schedule.name == schedule.name:
                return each
        raise DataError(
            f"{schedule.name} was not applied on this machine; run `{self.file.command('apply')}` first",
            code="not_applied",
        )


def _run(run: Run) -> dict[str, Any]:
    over = run.state in ("done", "failed")
    outcome = Outcome.of(read_outcome(run.id), run.code or 0).to_dict() if over else None
    return {**run.to_dict(), "outcome": outcome}


def _when(schedule: Schedule, known: Known | None) -> dict[str, Any]:
    if known is None:
        return {"state": "not applied", "next": None}
    if not known.enabled:
        return {"state": "paused", "next": None}
    state = "enabled" if known.schedule.digest == schedule.digest else "changed"
    due = datetime.fromisoformat(known.next) if known.next else next_start(known.schedule, datetime.now(UTC))
    shown = due.astimezone(ZoneInfo(known.schedule.time_zone)).isoformat(timespec="minutes") if due else None
    return {"state": state, "next": shown}
