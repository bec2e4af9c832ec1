"""Four weeks of a weekly schedule in seconds: the server by a clock that the test moves, a training in its place."""

from __future__ import annotations

import sys
import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import apscheduler.executors.base
import apscheduler.schedulers.base
import psutil
import pytest

from affekt.pipelines.schedules import serve
from affekt.pipelines.schedules import state as states
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import Server
from affekt.pipelines.schedules.state import Run, State
from tests.schedules.test_schedule_server import STAND_IN

WEEKLY = Schedule("weekly", "0 3 * * 1", "Europe/Berlin", "clips", grace_minutes=600)
#: A Thursday; the clocks of Berlin go back on the Sunday after.
BEGINS = datetime.fromisoformat("2026-10-22T12:00:00+02:00")


class Moved(datetime):
    """``datetime`` whose now is some time ahead."""

    ahead = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.ahead


@pytest.fixture
def clock(monkeypatch) -> type[Moved]:
    """The clock of server, scheduler and database, at :data:`BEGINS`; ``ahead`` moves it."""
    for module in (apscheduler.schedulers.base, apscheduler.executors.base, serve, states):
        monkeypatch.setattr(module, "datetime", Moved)
    monkeypatch.setattr(Moved, "ahead", BEGINS - datetime.now(BEGINS.tzinfo))
    return Moved


def until(holds, seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.slow
def test_each_week_starts_once_and_what_was_killed_is_finished_by_the_next_server(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    state, trace = State(), tmp_path / "trace"
    state.put("affekt", WEEKLY)

    def served(seconds: float = 0.0) -> tuple[Server, threading.Thread]:
        server = Server(
            state,
            command=lambda run: [sys.executable, "-c", STAND_IN, str(run), str(trace), str(seconds)],
            seconds=0.05,
        )
        thread = threading.Thread(target=server.serve)
        thread.start()
        until(lambda: state.known()[0].next)
        return server, thread

    def runs() -> list[Run]:
        return state.runs()

    def to_the_next_start(server: Server) -> None:
        until(lambda: state.known()[0].next > Moved.now(BEGINS.tzinfo).astimezone(UTC).isoformat())
        clock.ahead += datetime.fromisoformat(state.known()[0].next) - Moved.now(BEGINS.tzinfo) + timedelta(minutes=1)
        server._scheduler.wakeup()

    server, thread = served()
    for week in range(1, 4):
        to_the_next_start(server)
        until(lambda week=week: [run.state for run in runs()] == ["done"] * week)
    server.stopping.set()
    thread.join()
    # The fourth week's training is killed with its server, and finished when another one comes.
    server, thread = served(seconds=60.0)
    to_the_next_start(server)
    until(lambda: runs()[-1].state == "running" and trace.read_text().split().count("started") == 4)
    for process in psutil.Process().children(recursive=True):
        process.kill()
    server.stopping.set()
    thread.join()
    server, thread = served()
    until(lambda: [run.state for run in runs()] == ["done"] * 4)
    server.stopping.set()
    thread.join()
    due = [datetime.fromisoformat(run.due).astimezone(BEGINS.tzinfo) for run in runs()]
    # At 3 by the clock of Berlin, which is an hour later after the clocks went back.
    assert [moment.strftime("%m-%d %H:%M") for moment in due] == [
        "10-26 04:00", "11-02 04:00", "11-09 04:00", "11-16 04:00",
    ]  # fmt: skip
    assert [run.tries for run in runs()] == [1, 1, 1, 2]
    assert Path(trace).read_text().split().count("ended") == 4
