"""Four weeks in minutes: clips arrive in S3, a schedule trains on them by a moved clock, and a server follows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from moto.server import ThreadedMotoServer

from affekt.home import home
from affekt.pipelines.schedules.one_run import read_outcome
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import Server
from affekt.pipelines.schedules.state import State
from affekt.registry import Tracking, list_models, read_history
from affekt.steps.when import When
from tests.schedules.conftest import processor_seconds, until
from tests.schedules.shared_server import WAIT, Asked
from tests.shared_real_clips import rows, voices, write_manifest
from tests.shared_s3 import client, variables

#: A voice model that learns in seconds, and a gate that lets the first of few who are better pass.
SETTINGS = (
    "svc.c_candidates=[0.01]", "fusion.folds=2", "evaluation.bootstrap=200", "gate.check_serving=false",
    "gate.min_subjects=4", "gate.false_promotions=1", "gate.confidence=0.8",
)  # fmt: skip
DATA = "s3://arrivals/voices"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch):
    """An S3 with the bucket that clips arrive in; also for processes that are started."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in variables(f"http://{host}:{port}").items():
        monkeypatch.setenv(name, value)
    s3 = client(f"http://{host}:{port}")
    s3.create_bucket(Bucket="arrivals")
    yield s3
    server.stop()


class Arrivals:
    """The data set in the bucket."""

    def __init__(self, s3, folder: Path) -> None:
        self.s3, self.folder, self.there = s3, folder, set()

    def put(self, found: list[dict[str, str]]) -> None:
        """Bring it to these clips."""
        names = [f"{row['subject']}-{Path(row['path']).name}" for row in found]
        for row, name in zip(found, names, strict=True):
            if name not in self.there:
                self.s3.upload_file(row["path"], "arrivals", f"voices/{name}")
                self.there.add(name)
        path = write_manifest(
            self.folder / "manifest.csv", [{**row, "path": name} for row, name in zip(found, names, strict=True)]
        )
        self.s3.upload_file(str(path), "arrivals", "voices/manifest.csv")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def served(place: Path) -> Iterator[list[Asked]]:
    """What is started here ends with the test."""
    started: list[Asked] = []
    yield started
    for each in started:
        each.close()


def champion() -> int:
    (found,) = (item.version for item in list_models(Tracking()) if "champion" in item.aliases)
    return found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_four_weeks_with_real_trainings_and_a_server_that_follows(place, bucket, clock, served, shared_data):
    records, state, arrivals = place / "records", State(), Arrivals(bucket, place)
    common = {"data": DATA, "only": "svc", "settings": SETTINGS, "grace_minutes": 600}
    weekly = Schedule("weekly", "0 3 * * 1", "Europe/Berlin", when=When(new_clips=10), **common)
    drifted = Schedule("drifted", "0 5 * * *", "Europe/Berlin", when=When(drift=str(records)), **common)
    state.put("affekt", weekly)

    def scheduler() -> tuple[Server, threading.Thread]:
        server = Server(state, seconds=0.2)
        thread = threading.Thread(target=server.serve)
        thread.start()
        until(lambda: all(known.next for known in state.known()))
        return server, thread

    def week(name: str = "weekly") -> dict:
        """The next start of a schedule, to its end; what its training says."""
        known = len(state.runs())
        clock.to_the_next_start(state, name, server)
        until(lambda: len(state.runs()) > known and state.runs()[-1].state in ("done", "failed"), WAIT)
        run = state.runs()[-1]
        assert (run.name, run.state) == (name, "done"), (home() / "schedules" / f"{run.id:05}.log").read_text()[-3000:]
        return read_outcome(run.id)

    server, thread = scheduler()
    try:
        # Week 1: the first champion, of few clips; a server answers with it from then on.
        arrivals.put(voices(shared_data, 3, 3))
        assert week()["promoted"] is True
        others = [row["path"] for row in rows(shared_data, ("05", "10"), 4, "java_sed_wav")]
        asked = Asked(others, place / "serve.log", "--follow", "--engine", "direct", records=records)
        served.append(asked)
        asked.until_it_is(1)

        # Week 2: nothing new, and so under a minute.
        before_it = processor_seconds()
        assert week()["trains"] is False
        assert processor_seconds() - before_it < 60
        assert len(list_models(Tracking())) == 1

        # Week 3: new speakers, and a better model.
        arrivals.put(voices(shared_data, 8, 7))
        assert week()["promoted"] is True
        asked.until_it_is(2)

        # Week 4: the training is killed behind its model, with all that it started, and so is its server.
        arrivals.put(voices(shared_data, 8, 8))
        before = set((home() / "runs").iterdir())
        clock.to_the_next_start(state, "weekly", server)

        def so_far() -> bool:
            logs = [folder / "pipeline.log" for folder in set((home() / "runs").iterdir()) - before]
            return any("affekt: svc: done in" in log.read_text() for log in logs if log.is_file())

        until(so_far, WAIT)
        server.stopping.set()
        kill_training()
        thread.join()
        assert state.runs()[-1].state == "running"
        server, thread = scheduler()
        until(lambda: state.runs()[-1].state in ("done", "failed"), WAIT)
        last = state.runs()[-1]
        assert (last.state, last.tries, read_outcome(last.id)["version"]) == ("done", 2, 3)
        assert "an interrupted training of the same data" in (home() / "schedules" / f"{last.id:05}.log").read_text()
        asked.until_it_is(champion())

        # The server was asked about other people all the while: drift makes one new clip enough for an extra run.
        since = len(asked.versions)
        until(lambda: len(asked.versions) > since + 40, WAIT)
        asked.close()
        served.clear()
        extra = rows(shared_data, ("01",), 1, "java_sed_wav")[:1]
        arrivals.put([*voices(shared_data, 8, 8), {**extra[0], "split": "train"}])
        assert week()["trains"] is False  # one clip alone is too little for the weekly one
        state.put("affekt", drifted)
        until(lambda: all(known.next for known in state.known()))
        assert week("drifted")["version"] == 4
    finally:
        server.stopping.set()
        thread.join()

    assert not asked.faults
    # Each answer came of whoever was champion then, or of the one before while the server changed over.
    order = [version for n, version in enumerate(asked.versions) if n == 0 or version != asked.versions[n - 1]]
    chain = [str(entry.version) for entry in read_history(Tracking(), "affekt")]
    assert order == chain[: len(order)]
    tracking = Tracking()
    runs = tracking.client.search_runs([tracking.experiment_id])
    assert {run.info.status for run in runs} <= {"FINISHED", "KILLED"}


def kill_training() -> None:
    """SIGKILL for the process of the scheduled run and all below it."""
    for process in psutil.Process().children():
        if any("one_run" in word for word in process.cmdline()):
            family = [process, *process.children(recursive=True)]
            for each in family:
                each.kill()
            psutil.wait_procs(family, timeout=30)
            return
    raise AssertionError("no training is at work")
