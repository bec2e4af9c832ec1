"""A disk that is full keeps a training from closing its MLflow runs; the next start of any closes them."""

from __future__ import annotations

import os
import subprocess
import sys

from affekt.registry import Tracking, close_abandoned

#: Opens a run as a training does, and cannot write into the database any more when it would close it.
TRAINING = """
import os, resource, sys
from pathlib import Path
from affekt import owner
os.environ[owner.VARIABLE] = owner.this_process()
from affekt.registry import Tracking, close_job, open_job
tracking = Tracking(home=Path(sys.argv[1]))
tracking.start_child(open_job(tracking, "voice", "job", {}, {}), "svc")
resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
try:
    close_job(tracking, "job", "FAILED")
except Exception as error:
    os._exit(7)
"""


def test_runs_that_a_full_disk_left_open_are_closed_by_the_next_training(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, tmp_path / "home"], env=environment, timeout=120, check=False
    )
    assert done.returncode == 7, "it could close its runs"
    tracking = Tracking(home=tmp_path / "home")

    def states() -> list[str]:
        return [run.info.status for run in tracking.client.search_runs([tracking.experiment_id])]

    assert states() == ["RUNNING", "RUNNING"]
    (said,) = close_abandoned(tracking)
    assert said.endswith("was left open by a process that is gone: closed")
    assert states() == ["KILLED", "KILLED"]
