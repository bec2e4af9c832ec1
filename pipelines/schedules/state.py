"""The schedules of this machine and their runs, in a database below ``AFFEKT_HOME`` that survives any end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sql

from affekt.home import home
from affekt.json_document import JsonDocument
from affekt.pipelines.schedules.plan import Kept
from affekt.pipelines.schedules.schedule import Schedule

_TABLES = sql.MetaData()
_SCHEDULES = sql.Table(
    "schedules",
    _TABLES,
    sql.Column("name", sql.String, primary_key=True),
    sql.Column("group", sql.String, nullable=False),
    sql.Column("schedule", sql.String, nullable=False),
    sql.Column("digest", sql.String, nullable=False),
    sql.Column("enabled", sql.Boolean, nullable=False),
    sql.Column("next", sql.String, nullable=False),
)
_RUNS = sql.Table(
    "runs",
    _TABLES,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.String, nullable=False, index=True),
    sql.Column("schedule", sql.String, nullable=False),
    sql.Column("due", sql.String, nullable=False),
    sql.Column("state", sql.String, nullable=False),
    sql.Column("started", sql.String, nullable=False),
    sql.Column("ended", sql.String, nullable=False),
    sql.Column("code", sql.Integer),
    sql.Column("tries", sql.Integer, nullable=False),
)


@dataclass(frozen=True)
class Run(JsonDocument):
    """A start of a schedule.

    Attributes:
        id: counted from 1.
        name: of the schedule.
        due: when it was to start, in UTC.
        state: ``waiting``, ``running``, ``done``, ``failed`` or ``missed`` (too late to start).
        started: when it did, the last time; ``""`` before.
        ended: when it was over; ``""`` before.
        code: the exit code of the training.
        tries: how often it was started; more than once after an interruption.
    """

    id: int
    name: str
    due: str
    state: str
    started: str = ""
    ended: str = ""
    code: int | None = None
    tries: int = 0


def _same(schedule: Schedule) -> sql.ColumnElement[bool]:
    """The row of a schedule that starts by itself and is as it was read."""
    return sql.and_(
        _SCHEDULES.c.name == schedule.name, _SCHEDULES.c.digest == schedule.digest, _SCHEDULES.c.enabled.is_(True)
    )


@dataclass(frozen=True)
class Known:
    """A schedule of this machine; ``next`` is when it starts next, in UTC, where it is known already."""

    group: str
    schedule: Schedule
    enabled: bool
    next: str


def stamp(when: datetime) -> str:
    """A time as the database keeps it."""
    return when.astimezone(UTC).isoformat(timespec="seconds")


class State:
    """The database.

    Args:
        file: default ``schedules.db`` below ``AFFEKT_HOME``; made where it is missing.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or home() / "schedules.db"
        self._engine = sql.create_engine(f"sqlite:///{self.file}", connect_args={"timeout": 30})
        if not sql.inspect(self._engine).has_table(_RUNS.name):
            with self._changing() as connection:
                _TABLES.create_all(connection)

    @contextmanager
    def _changing(self) -> Iterator[sql.Connection]:
        """Within it nobody else changes the database, so that what was read there still holds when it is written."""
        with self._engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    def known(self, group: str | None = None) -> list[Known]:
        """The schedules that were applied, by name."""
        query = sql.select(_SCHEDULES).order_by(_SCHEDULES.c.name)
        if group is not None:
            query = query.where(_SCHEDULES.c.group == group)
        with self._engine.connect() as connection:
            return [
                Known(row.group, Schedule.from_dict(json.loads(row.schedule), str(self.file)), row.enabled, row.next)
                for row in connection.execute(query)
            ]

    def kept(self, group: str) -> list[Kept]:
        """The same for a plan."""
        return [
            Kept(each.schedule.name, each.schedule.name, each.schedule.digest, each.enabled)
            for each in self.known(group)
        ]

    def put(self, group: str, schedule: Schedule) -> None:
        """Add a schedule, or put it in the place of the one with its name; when it starts next is found anew."""
        row = {
            "name": schedule.name,
            "group": group,
            "schedule": json.dumps(schedule.to_dict()),
            "digest": schedule.digest,
            "enabled": schedule.enabled,
            "next": "",
        }
        with self._changing() as connection:
            connection.execute(_SCHEDULES.delete().where(_SCHEDULES.c.name == schedule.name))
            connection.execute(_SCHEDULES.insert().values(row))

    def remove(self, name: str) -> None:
        """Forget a schedule; its runs stay."""
        with self._changing() as connection:
            connection.execute(_SCHEDULES.delete().where(_SCHEDULES.c.name == name))

    def enable(self, name: str, enabled: bool) -> None:
        """Let it start by itself, or not; what fell into a pause is not made up for."""
        with self._changing() as connection:
            connection.execute(_SCHEDULES.update().where(_SCHEDULES.c.name == name).values(enabled=enabled, next=""))

    def plan_next(self, schedule: Schedule, when: datetime) -> None:
        """Keep when a schedule starts next, unless it was changed or paused meanwhile."""
        with self._changing() as connection:
            connection.execute(_SCHEDULES.update().where(_same(schedule)).values(next=stamp(when)))

    def due(self, schedule: Schedule, following: datetime | None, *, missed: bool = False) -> str:
        """Take down a start before anything is started, and when the next one is, in one step.

        Returns:
            The state of the run: ``waiting``, or ``missed`` where it is too late or an earlier run is not over; ``""``
            where the schedule was changed or paused meanwhile, or another server took this start down.
        """
        with self._changing() as connection:
            due = connection.execute(sql.select(_SCHEDULES.c.next).where(_same(schedule))).scalar()
            if not due or due > stamp(datetime.now(UTC)):
                return ""
            state = "missed" if missed or self._open(connection, schedule.name) else "waiting"
            self._add(connection, schedule, due, state)
            connection.execute(
                _SCHEDULES.update().where(_same(schedule)).values(next=stamp(following) if following else "")
            )
            return state

    def run_now(self, schedule: Schedule) -> int | None:
        """Ask for a run at once; None where one of it waits or works already."""
        with self._changing() as connection:
            if self._open(connection, schedule.name):
                return None
            return self._add(connection, schedule, stamp(datetime.now(UTC)), "waiting")

    @staticmethod
    def _open(connection: sql.Connection, name: str) -> bool:
        query = sql.select(_RUNS.c.id).where(_RUNS.c.name == name, _RUNS.c.state.in_(("waiting", "running")))
        return connection.execute(query).first() is not None

    @staticmethod
    def _add(connection: sql.Connection, schedule: Schedule, due: str, state: str) -> int:
        row = {
            "name": schedule.name,
            "schedule": json.dumps(schedule.to_dict()),
            "due": due,
            "state": state,
            "started": "",
            "ended": stamp(datetime.now(UTC)) if state == "missed" else "",
            "tries": 0,
        }
        return int(connection.execute(_RUNS.insert().values(row).returning(_RUNS.c.id)).scalar_one())

    def begin(self, run_id: int) -> None:
        """Say that a run starts."""
        with self._changing() as connection:
            connection.execute(
                _RUNS.update()
                .where(_RUNS.c.id == run_id)
                .values(state="running", started=stamp(datetime.now(UTC)), tries=_RUNS.c.tries + 1)
            )

    def end(self, run_id: int, code: int) -> None:
        """Say that a run is over."""
        state = "done" if code == 0 else "failed"
        with self._changing() as connection:
            connection.execute(
                _RUNS.update()
                .where(_RUNS.c.id == run_id)
                .values(state=state, ended=stamp(datetime.now(UTC)), code=code)
            )

    def runs(self, *states: str) -> list[Run]:
        """The runs in these states, or all, the oldest first."""
        columns = [column for column in _RUNS.c if column.name != "schedule"]
        query = sql.select(*columns).order_by(_RUNS.c.id)
        if states:
            query = query.where(_RUNS.c.state.in_(states))
        with self._engine.connect() as connection:
            return [Run(**row._mapping) for row in connection.execute(query)]

    def schedule_of(self, run_id: int) -> Schedule:
        """The schedule as it was when the run was due."""
        with self._engine.connect() as connection:
            text = connection.execute(sql.select(_RUNS.c.schedule).where(_RUNS.c.id == run_id)).scalar_one()
        return Schedule.from_dict(json.loads(text), str(self.file))
