"""A schedule with ``deploy``: a server answers with what its trainings promote, and with nothing else."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
import yaml

from affekt.pipelines.schedules.state import State
from affekt.registry import Tracking
from tests.schedules.conftest import until
from tests.schedules.shared_server import WAIT, Asked
from tests.shared_real_clips import rows, voices, write_manifest

#: A voice model that learns in seconds, and a gate that lets the first of few who are better pass.
SETTINGS = {
    "svc.c_candidates": [0.01], "fusion.folds": 2, "evaluation.bootstrap": 200, "gate.check_serving": False,
    "gate.min_subjects": 4, "gate.false_promotions": 1, "gate.confidence": 0.8,
}  # fmt: skip


class Place:
    """A home, a data set and a file with one schedule."""

    def __init__(self, folder: Path) -> None:
        self.home, self.data, self.file = folder / "home", folder / "clips.csv", folder / "schedules.yaml"
        self.stack = ExitStack()

    def affekt(self, *words: str) -> str:
        """What a command of it prints."""
        command = [sys.executable, "-m", "affekt", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def write(self, **more: object) -> None:
        schedule = {
            "name": "weekly", "cron": "0 3 1 1 *", "time_zone": "Europe/Berlin", "data": self.data.name, "only": "svc",
            "settings": SETTINGS, "when": {"new_clips": 1}, **more,
        }  # fmt: skip
        self.file.write_text(yaml.safe_dump({"schedules": [schedule]}))

    def serve(self) -> None:
        """Start ``affekt schedule serve``, which ends with the test."""
        command = [sys.executable, "-m", "affekt", "schedule", "serve", str(self.file)]
        with self.file.with_suffix(".log").open("ab") as said:
            self.scheduler = subprocess.Popen(command, stdout=said, stderr=said)
        self.stack.callback(self.scheduler.wait, 60)
        self.stack.callback(self.scheduler.terminate)
        until(lambda: self.scheduler.poll() is None and any(known.next for known in State().known()), WAIT)

    def runs(self) -> list[dict]:
        return json.loads(self.affekt("schedule", "list", str(self.file), "--json"))["schedules"][0]["runs"]

    def trained(self) -> dict:
        """The end of the run that is asked for now."""
        return self.ended(self.asked())

    def asked(self) -> int:
        """The number of a run that is asked for now."""
        self.affekt("schedule", "run-now", str(self.file), "weekly")
        return State().runs()[-1].id

    def ended(self, number: int) -> dict:
        until(lambda: State().runs()[-1].state in ("done", "failed"), WAIT)
        found = self.runs()[-1]
        assert (found["id"], found["state"]) == (number, "done"), self.said(number)
        return found["outcome"]

    def log(self) -> str:
        return "".join(path.read_text() for path in (self.home / "runs").glob("*/pipeline.log"))

    def said(self, run: int) -> str:
        return (self.home / "schedules" / f"{run:05}.log").read_text()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = Place(tmp_path)
    with made.stack:
        yield made


def killed_when(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> None:
    """SIGKILL for a process and all that it started, once something is so."""
    until(reached, WAIT)
    family = psutil.Process(process.pid).children(recursive=True)
    for each in family:
        each.kill()
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs(family, timeout=30)
    process.wait()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("engine", ["direct", "torchserve"])
def test_training_promotion_and_deployment_are_one_walk(engine, place, shared_data, tmp_path):
    write_manifest(place.data, voices(shared_data, 3, 3))
    place.write()
    place.serve()
    assert place.trained()["version"] == "affekt/1"
    others = [row["path"] for row in rows(shared_data, ("05", "10"), 4, "java_sed_wav")]
    asked = Asked(others, tmp_path / "serve.log", "--engine", engine)
    place.stack.callback(asked.close)
    place.write(deploy=asked.url)
    place.affekt("schedule", "apply", str(place.file))

    def versions() -> dict:
        return json.loads(place.affekt("deploy", "status", "--url", asked.url, "--json"))

    # Better than the champion: promoted, and in the server when the run is over. A row without a label waits for one.
    waiting = {**rows(shared_data, ("02",), 1, "java_sed_wav")[0], "label": "", "split": "train"}
    write_manifest(place.data, [*voices(shared_data, 8, 7), waiting])
    outcome = place.trained()
    assert (outcome["result"], outcome["version"]) == ("promoted", "affekt/2")
    assert versions()["default"] == "2"
    asked.until_it_is(2)

    # One more clip makes no better model: refused, and never in the server.
    extra = rows(shared_data, ("01",), 1, "java_sed_wav")[:1]
    write_manifest(place.data, [*voices(shared_data, 8, 7), waiting, {**extra[0], "split": "train"}])
    assert place.trained()["result"] == "refused"
    assert (versions()["default"], "3" in versions()["versions"]) == ("2", False)

    # Nothing new is nothing to deploy.
    found = place.trained()
    assert (found["result"], "1 has no label" in found["why"]) == ("nothing_to_do", True)
    assert versions()["default"] == "2"

    # Killed with its scheduler between promotion and deployment: the next one finishes it, without another training.
    place.affekt("models", "rollback", "--reason", "to let a version win again")
    write_manifest(place.data, [*voices(shared_data, 8, 8), waiting])
    before = place.log().count("affekt: finish: done in")
    run = place.asked()
    killed_when(place.scheduler, lambda: place.log().count("affekt: finish: done in") > before)
    assert place.runs()[-1]["state"] == "running"
    place.serve()
    finished = place.ended(run)
    assert (finished["result"], finished["version"]) == ("promoted", "affekt/4")
    assert "an interrupted training of the same data" in place.said(run)
    assert place.log().count("affekt: svc: done in") == 4
    assert versions()["default"] == "4"
    asked.until_it_is(4)

    place.stack.close()
    assert not asked.faults
    assert [version for version, _ in itertools.groupby(asked.versions)] == ["1", "2", "4"]
    tracking = Tracking()
    runs = tracking.client.search_runs([tracking.experiment_id])
    assert {run.info.status for run in runs} == {"FINISHED"}
