"""``affekt train`` as a process of its own that is killed at a chosen moment, for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from affekt.registry import Tracking, list_models, resolve
from affekt.storage import file_digest

#: Settings with which one model trains in seconds.
FEW = ("svc.c_candidates=[0.1]", "fusion.folds=2", "evaluation.bootstrap=100", "gate.check_serving=false")


class Training:
    """``affekt train`` on sample clips in a home of its own."""

    def __init__(
        self, home: Path, data: Path | str, *options: str, settings: Sequence[str] = FEW, **variables: str
    ) -> None:
        self.home = home
        self.command = [sys.executable, "-m", "affekt", "train", str(data), "--json", *options]
        self.command += [f"--set={setting}" for setting in settings]
        self.environment = {**os.environ, "AFFEKT_HOME": str(home), "OMP_NUM_THREADS": "1"}
        self.environment.pop("MLFLOW_TRACKING_URI", None)
        self.environment |= variables

    def killed_when(self, reached: Callable[[str], bool], after: float = 0.0) -> None:
        """Start it, and kill the command alone when its log is so far; then nobody of its family may live.

        Args:
            reached: told what this start has logged.
            after: seconds from there to the kill.
        """
        earlier = len(self.log())
        with (self.home.parent / "said").open("wb") as said:
            running = subprocess.Popen(self.command, env=self.environment, stdout=said, stderr=said)
            until = time.monotonic() + 600
            family: list[psutil.Process] = []
            while not reached(self.log()[earlier:]):
                assert running.poll() is None and time.monotonic() < until, (self.home.parent / "said").read_text()
                time.sleep(0.02)
            time.sleep(after)
            family = psutil.Process(running.pid).children(recursive=True)
            assert family
            running.send_signal(signal.SIGKILL)
            running.wait()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def log(self) -> str:
        found = [folder / "pipeline.log" for folder in (self.home / "runs").glob("*")]
        return "".join(path.read_text() for path in sorted(found) if path.is_file())

    def ends(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command, env=self.environment, capture_output=True, text=True, timeout=1200)

    def registered(self) -> dict[str, str]:
        """The digest of each file of the only version, but for the manifest, which names the run."""
        tracking = Tracking(home=self.home)
        (version,) = list_models(tracking, "affekt")
        models = tracking.client.search_logged_models([tracking.experiment_id])
        assert [model.status for model in models if model.status != "FAILED"] == ["READY"]
        folder = resolve(version.reference, tracking)
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "ensemble.json"]
        return {str(path.relative_to(folder)): file_digest(path) for path in files}

    def checkpoints(self) -> set[str]:
        """What training left for later ones."""
        return {path.name for path in (self.home / "store" / "checkpoints").iterdir()}

    def steps(self) -> list[str]:
        """The steps that ended well."""
        return re.findall(r"^affekt: (\w+): done in", self.log(), flags=re.MULTILINE)

    def states(self) -> set[str]:
        tracking = Tracking(home=self.home)
        return {run.info.status for run in tracking.client.search_runs([tracking.experiment_id])}


class Watched:
    """A training whose log is followed."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.process = subprocess.Popen(
            training.command, env=training.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=lambda: self.said.extend(self.process.communicate()))
        self._reader.start()

    def until(self, text: str) -> None:
        limit = time.monotonic() + 600
        while text not in self.training.log():
            assert self.process.poll() is None and time.monotonic() < limit, self.said
            time.sleep(0.05)

    def ends(self) -> int:
        self._reader.join()
        return int(self.process.returncode)
