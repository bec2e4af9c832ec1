"""Four weeks of a weekly schedule in seconds: a stand-in for the training, and when it is started."""

from __future__ import annotations

import sys
import threading
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import Server
from affekt.pipelines.schedules.state import Run, State
from tests.schedules.conftest import BEGINS, until
from tests.schedules.test_schedule_server import STAND_IN

WEEKLY = Schedule("weekly", "0 3 * * 1", "Europe/Berlin", "clips", grace_minutes=600)


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

    server, thread = served()
    for week in range(1, 4):
        clock.to_the_next_start(state, "weekly", server)
        until(lambda week=week: [run.state for run in runs()] == ["done"] * week)
    server.stopping.set()
    thread.join()
    # The fourth week's training is killed with its server, and finished when another one comes.
    server, thread = served(seconds=60.0)
    clock.to_the_next_start(state, "weekly", server)
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
