"""Schedules of one machine: started when due, once, and remembered through any end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from affekt.notify import Notify
from affekt.pipelines.schedules import one_run
from affekt.pipelines.schedules.outcome import Outcome
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import Server
from affekt.pipelines.schedules.state import State
from affekt.steps.when import When

HOURLY = Schedule("hourly", "0 * * * *", "UTC", "clips", grace_minutes=120)
#: In place of a training: the same locks and notes, and a sleep.
STAND_IN = """
import sys, time
from pathlib import Path
from affekt.pipelines.schedules import one_run
def run(arguments, lock, outcome):
    with Path(sys.argv[2]).open("a") as file:
        file.write("started ")
    time.sleep(float(sys.argv[3]))
    with Path(sys.argv[2]).open("a") as file:
        file.write("ended ")
    return 0
one_run.run = run
sys.exit(one_run.main(int(sys.argv[1])))
"""


@pytest.fixture
def state(tmp_path, monkeypatch) -> State:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    return State()


def command(trace: Path, seconds: float = 0.0):
    return lambda run: [sys.executable, "-c", STAND_IN, str(run), str(trace), str(seconds)]


def served(state: State, trace: Path, until, *, seconds: float = 0.0) -> None:
    """A server in this process, until something holds."""
    server = Server(state, command=command(trace, seconds), seconds=0.1)
    thread = threading.Thread(target=server.serve)
    thread.start()
    end = time.monotonic() + 60
    try:
        while not until() and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        server.stopping.set()
        thread.join()
    assert until()


def states(state: State) -> list[str]:
    return [run.state for run in state.runs()]


def put(state: State, ago: timedelta, schedule: Schedule = HOURLY) -> datetime:
    """A schedule that was to start some time ago, while no server was there."""
    state.put("affekt", schedule)
    due = (datetime.now(UTC) - ago).replace(microsecond=0)
    state.plan_next(schedule, due)
    return due


def test_a_schedule_is_read_as_it_was_put(state):
    whole = replace(
        HOURLY, settings=("seed=7",), only="svc", when=When(new_clips=5, drift="records"), notify=Notify(slack="$SLACK")
    )
    state.put("affekt", whole)
    (known,) = state.known()
    assert known.schedule == whole
    assert known.schedule.digest == whole.digest
    assert "--when" in known.schedule.arguments


def test_a_missed_start_is_made_up_for_once_and_the_next_one_is_planned(state, tmp_path):
    put(state, timedelta(minutes=30))
    served(state, tmp_path / "trace", lambda: states(state) == ["done"])
    assert (tmp_path / "trace").read_text() == "started ended "
    assert datetime.fromisoformat(state.known()[0].next) > datetime.now(UTC)
    served(state, tmp_path / "trace", lambda: True)
    assert states(state) == ["done"]


def test_a_start_that_would_come_too_late_is_left_out_and_told(state, tmp_path):
    now = datetime.now(UTC)
    # Its only hour of the day was six hours ago, and a run may be one minute late.
    daily = Schedule("daily", f"0 {(now.hour - 6) % 24} * * *", "UTC", "clips", grace_minutes=1)
    put(state, timedelta(hours=6), daily)
    served(state, tmp_path / "trace", lambda: states(state) == ["missed"])
    assert not (tmp_path / "trace").exists()


def test_a_run_that_was_asked_for_starts_beside_the_times(state, tmp_path):
    state.put("affekt", HOURLY)
    assert state.run_now(HOURLY) is not None
    assert state.run_now(HOURLY) is None
    served(state, tmp_path / "trace", lambda: states(state) == ["done"])


def test_a_paused_schedule_does_not_start(state, tmp_path):
    put(state, timedelta(minutes=30))
    state.enable("hourly", False)
    ends = time.monotonic() + 1
    served(state, tmp_path / "trace", lambda: time.monotonic() > ends)
    assert states(state) == []


def test_a_start_is_left_out_while_an_earlier_run_is_not_over(state):
    put(state, timedelta(minutes=30))
    assert state.due(HOURLY, datetime.now(UTC) - timedelta(minutes=1)) == "waiting"
    assert state.due(HOURLY, datetime.now(UTC) + timedelta(hours=1)) == "missed"
    assert states(state) == ["waiting", "missed"]


def test_of_two_servers_that_hear_of_a_start_one_takes_it_down(state):
    put(state, timedelta(minutes=30))
    later = datetime.now(UTC) + timedelta(hours=1)
    with ThreadPoolExecutor(4) as servers:
        said = list(servers.map(lambda _: State().due(HOURLY, later), range(8)))
    assert sorted(said) == [""] * 7 + ["waiting"]
    assert states(state) == ["waiting"]


def test_a_start_of_a_schedule_that_changed_meanwhile_is_none(state):
    put(state, timedelta(minutes=30))
    assert state.due(Schedule("hourly", "5 * * * *", "UTC", "clips"), None) == ""


def test_a_second_training_waits_for_the_first(state):
    state.put("affekt", HOURLY)
    run = state.run_now(HOURLY)
    with one_run.alone() as lock:
        assert lock is not None
        assert one_run.main(run) == one_run.BUSY
    assert states(state) == ["waiting"]


def test_the_training_is_the_command_and_its_document_is_kept(state, capfd):
    state.put("affekt", HOURLY)
    run = state.run_now(Schedule("hourly", "0 * * * *", "UTC", "/no/such/clips", only="svc"))
    assert one_run.main(run) == 1
    assert "/no/such/clips" in capfd.readouterr().err
    assert states(state) == ["failed"]
    outcome = Outcome.of(one_run.read_outcome(run), 1)
    assert (outcome.result, outcome.code) == ("failed", "missing_file")


def alive(trace: Path, word: str, count: int) -> None:
    end = time.monotonic() + 60
    while not trace.exists() or trace.read_text().split().count(word) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_killed_server_leaves_its_training_and_the_next_one_does_not_start_it_again(state, tmp_path):
    put(state, timedelta(minutes=30))
    trace = tmp_path / "trace"
    program = (
        "import sys; from affekt.pipelines.schedules.serve import Server; "
        "from affekt.pipelines.schedules.state import State; "
        f"Server(State(), command=lambda r: [sys.executable, '-c', {STAND_IN!r}, str(r), {str(trace)!r}, '2'], "
        "seconds=0.1).serve()"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as server:
        alive(trace, "started", 1)
        server.send_signal(signal.SIGKILL)
    served(state, trace, lambda: states(state) == ["done"])
    assert trace.read_text() == "started ended "


def test_a_killed_training_is_started_again(state, tmp_path):
    state.put("affekt", HOURLY)
    run = state.run_now(HOURLY)
    trace = tmp_path / "trace"
    with subprocess.Popen(command(trace, 60)(run)) as training:
        alive(trace, "started", 1)
        os.kill(training.pid, signal.SIGKILL)
    served(state, trace, lambda: states(state) == ["done"])
    (found,) = state.runs()
    assert (found.tries, found.code) == (2, 0)


def test_a_training_that_is_interrupted_again_and_again_is_given_up(state, tmp_path):
    state.put("affekt", HOURLY)
    run = state.run_now(HOURLY)
    for _ in range(3):
        state.begin(run)
    served(state, tmp_path / "trace", lambda: states(state) == ["failed"])
    assert not (tmp_path / "trace").exists()
