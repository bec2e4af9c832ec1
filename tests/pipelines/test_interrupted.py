"""A training that is interrupted: its MLflow runs end as KILLED."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from affekt.registry import Tracking


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_runs_of_an_interrupted_training_are_killed(tmp_path, sample_clips, number):
    environment = {**os.environ, "AFFEKT_HOME": str(tmp_path / "home")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "affekt", "train", str(sample_clips), "--only", "svc"]
    with (tmp_path / "said").open("wb") as said:
        # A shell that runs the tests in its background ignores interrupts, and so would what they start.
        heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
        training = subprocess.Popen(command, env=environment, stdout=said, stderr=said, preexec_fn=heard)
        ended = time.monotonic() + 120
        while "prepare[0/1]" not in (tmp_path / "said").read_text():
            assert training.poll() is None and time.monotonic() < ended, (tmp_path / "said").read_text()
            time.sleep(0.1)
        training.send_signal(number)
        assert training.wait(60) == 130, (tmp_path / "said").read_text()
    tracking = Tracking(home=tmp_path / "home")
    runs = tracking.client.search_runs([tracking.experiment_id])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    assert parent.info.status == "KILLED"
    ended = {run.info.run_name: run.info.status for run in runs if run is not parent}
    # What was done before stays finished, and nothing stays open.
    assert ended.pop("ingest") == ended.pop("plan_shards") == "FINISHED"
    assert set(ended.values()) <= {"FINISHED", "KILLED"}
