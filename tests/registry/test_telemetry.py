"""Nobody is told what runs here: what MLflow would send, and the id that it would leave in the home folder."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

from affekt.pipelines.run import Outcome
from affekt.registry import Tracking

# Under these MLflow keeps quiet by itself, and nothing could be seen.
QUIET = {
    "CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "BUILDKITE", "PYTEST_CURRENT_TEST",
    "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK",
}  # fmt: skip
# Writes down every host that the process asks for, and lets it reach none outside of this machine.
GUARD = """
import json, sys
asked = []
def watch(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host not in ("127.0.0.1", "::1", "localhost", None):
        asked.append(str(host))
        raise OSError("no way out of this machine")
sys.addaudithook(watch)
"""
REGISTRATION = """
from pathlib import Path
from affekt.registry import Tracking, register
tracking = Tracking(home=Path(sys.argv[1]))
run_id = tracking.start_parent("weekly", {"seed": 1})
register(tracking, Path(sys.argv[2]), name="affekt", run_id=run_id, metrics={"accuracy": 0.5})
tracking.finish(run_id)
"""
MLFLOW_ALONE = """
import mlflow
from mlflow.telemetry import get_telemetry_client
client = get_telemetry_client()
assert client is not None
client._get_config()
"""
REPORT = """
print(json.dumps(asked))
"""


def quiet_home(tmp_path: Path, script: str, *arguments: str) -> tuple[list[str], list[str]]:
    """The hosts that a process with an empty home folder asked for, and the files that it left there."""
    home = tmp_path / "person"
    home.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in QUIET and not key.startswith("XDG_")}
    environment = {key: value for key, value in environment.items() if not key.lower().endswith("_proxy")}
    environment |= {"HOME": str(home), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    done = subprocess.run(
        [sys.executable, "-c", GUARD + script + REPORT, *arguments],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "type hint" not in done.stderr  # MLflow's remark on a document without fixed columns
    left = sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    return json.loads(done.stdout.splitlines()[-1]), left


def test_a_registration_tells_nobody_and_leaves_no_id(tmp_path, saved):
    asked, left = quiet_home(tmp_path, REGISTRATION, str(tmp_path / "state"), str(saved("a")))
    assert asked == []
    assert left == []


def test_without_affekt_mlflow_would_tell(tmp_path):
    asked, left = quiet_home(tmp_path, MLFLOW_ALONE)
    assert asked
    assert any("mlflow" in name for name in left)


@pytest.mark.parametrize("module", ["affekt", "affekt.components", "affekt.serving.handler", "affekt.pipelines.cli"])
def test_it_is_off_in_whatever_process_is_started(module):
    environment = {key: value for key, value in os.environ.items() if key not in QUIET}
    script = f"import os, {module}; print(os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "true"


@pytest.mark.slow
def test_the_line_that_opens_mlflow_tells_nobody_and_leaves_nothing(tmp_path):
    folders = {name: tmp_path / name for name in ("HOME", "TMPDIR", "here")}
    for folder in folders.values():
        folder.mkdir()
    tracking = Tracking(home=tmp_path / "state")
    assert tracking.experiment_id
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = Outcome.mlflow_ui.fget(SimpleNamespace(tracking_uri=tracking.uri))  # type: ignore[attr-defined]
    environment = {key: value for key, value in os.environ.items() if key not in QUIET and not key.startswith("XDG_")}
    environment |= {"HOME": str(folders["HOME"]), "TMPDIR": str(folders["TMPDIR"])}
    with subprocess.Popen(
        ["env", *shlex.split(command), "--port", str(port)],
        env=environment,
        cwd=folders["here"],
        stderr=subprocess.DEVNULL,
    ) as ui:
        try:
            assert wait_for(f"http://127.0.0.1:{port}/version")
        finally:
            ui.send_signal(signal.SIGINT)
    assert [path for folder in folders.values() for path in folder.rglob("*")] == []


def wait_for(address: str) -> bool:
    """Whether a server answers within a minute."""
    for _ in range(120):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return True
        except OSError:
            time.sleep(0.5)
    return False
