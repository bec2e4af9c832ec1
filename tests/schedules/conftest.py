"""A clock that a test moves: of the server of schedules, the scheduler behind it and the database."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

import apscheduler.executors.base
import apscheduler.schedulers.base
import pytest

from affekt.pipelines.schedules import serve
from affekt.pipelines.schedules import state as states
from affekt.pipelines.schedules.serve import Server
from affekt.pipelines.schedules.state import State

#: A Thursday; the clocks of Berlin go back on the Sunday after.
BEGINS = datetime.fromisoformat("2026-10-22T12:00:00+02:00")


class Moved(datetime):
    """``datetime`` whose now is some time ahead."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.ahead

    @classmethod
    def to_the_next_start(cls, state: State, name: str, server: Server) -> None:
        """A minute behind the next start of a schedule."""

        def due() -> str:
            return next(known.next for known in state.known() if known.schedule.name == name)

        until(lambda: due() > cls.now(BEGINS.tzinfo).astimezone(UTC).isoformat())
        cls.ahead += datetime.fromisoformat(due()) - cls.now(BEGINS.tzinfo) + timedelta(minutes=1)
        server._scheduler.wakeup()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Moved]:
    """It stands at :data:`BEGINS` and goes on from there; ``ahead`` moves it."""
    for module in (apscheduler.schedulers.base, apscheduler.executors.base, serve, states):
        monkeypatch.setattr(module, "datetime", Moved)
    monkeypatch.setattr(Moved, "ahead", BEGINS - datetime.now(BEGINS.tzinfo))
    return Moved


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something holds, but not for ever."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


def processor_seconds() -> float:
    """What the processes that were started here, and have ended, took of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
