"""A training whose command is killed: nothing lives on, and the next start closes what it left open and goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from affekt.registry import Tracking

FEW = ("svc.c_candidates=[0.1]", "fusion.folds=2", "evaluation.bootstrap=100", "gate.check_serving=false")


class Training:
    """``affekt train`` on sample clips in a home of its own."""

    def __init__(self, home: Path, data: Path, *options: str) -> None:
        self.home = home
        self.command = [sys.executable, "-m", "affekt", "train", str(data), "--only", "svc", "--json", *options]
        self.command += [f"--set={setting}" for setting in FEW]
        self.environment = {**os.environ, "AFFEKT_HOME": str(home), "OMP_NUM_THREADS": "1"}
        self.environment.pop("MLFLOW_TRACKING_URI", None)

    def killed_when(self, reached: Callable[[str], bool]) -> None:
        """Start it, and kill the command alone when its log is so far; then nobody of its family may live."""
        before = set((self.home / "runs").glob("*"))
        with (self.home.parent / "said").open("wb") as said:
            running = subprocess.Popen(self.command, env=self.environment, stdout=said, stderr=said)
            until = time.monotonic() + 200
            family: list[psutil.Process] = []
            while not reached(self.log(before)):
                assert running.poll() is None and time.monotonic() < until, (self.home.parent / "said").read_text()
                time.sleep(0.02)
            family = psutil.Process(running.pid).children(recursive=True)
            assert family
            running.send_signal(signal.SIGKILL)
            running.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def log(self, before: set[Path] = frozenset()) -> str:  # type: ignore[assignment]
        found = [folder / "pipeline.log" for folder in (self.home / "runs").glob("*")]
        return "".join(path.read_text() for path in sorted(found) if path.is_file())

    def ends(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command, env=self.environment, capture_output=True, text=True, timeout=280)

    def states(self) -> set[str]:
        tracking = Tracking(home=self.home)
        return {run.info.status for run in tracking.client.search_runs([tracking.experiment_id])}


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["affekt: plan_shards: done", "affekt: prepare: done", "affekt: fusion: done", "affekt: evaluation: done",
              "affekt: registration: done"]
)  # fmt: skip
def test_a_training_goes_on_from_wherever_it_was_killed(point, tmp_path, sample_clips):
    training = Training(tmp_path / "home", sample_clips)
    training.killed_when(lambda log: point in log)
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    tracking = Tracking(home=training.home)
    assert len(tracking.client.search_model_versions("name = 'affekt'")) == 1
    assert "RUNNING" not in training.states()
    log = training.log()
    assert log.count("affekt: ingest: done in") == 1
    assert log.count("affekt: svc: done in") == 1


@pytest.mark.slow
def test_nobody_outlives_a_killed_command_and_the_next_start_closes_its_run(tmp_path, sample_clips):
    training = Training(tmp_path / "home", sample_clips)
    training.killed_when(lambda log: "affekt: plan_shards: done" in log)
    assert training.states() >= {"RUNNING"}
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert "was left open by a process that is gone: closed" in done.stderr
    assert "1 step done" in done.stderr or "2 steps done" in done.stderr
    assert training.log().count("affekt: ingest: done in") == 1
    assert len(list((training.home / "runs").iterdir())) == 1
    assert "RUNNING" not in training.states()
