"""The same against a real MLflow server, with artifacts that come over the network."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import requests

from affekt.registry import Tracking, promote, register, resolve

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "files")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(600):
            try:
                if requests.get(f"http://127.0.0.1:{port}/health", timeout=2).ok:
                    break
            except requests.RequestException:
                time.sleep(0.2)
            assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_an_ensemble_is_fetched_once(server, tmp_path, saved, capfd):
    tracking = Tracking(server, home=tmp_path / "home")
    run_id = tracking.start_parent("weekly", {"seed": 1})
    with tracking.child(run_id, "vgg") as run:
        run.log({"loss": 1.0}, 1)
    register(tracking, saved("a"), name="affekt", run_id=run_id, metrics={"accuracy": 0.5})
    promote("affekt/1", tracking)
    tracking.finish(run_id)
    folder = resolve("affekt@champion", tracking)
    assert folder.is_relative_to(tmp_path / "home" / "models")
    assert (folder / "members" / "weights").read_text() == "a"
    (folder / "mark").touch()
    assert (resolve("affekt", tracking) / "mark").exists()
    # Commands write JSON to standard output; MLflow would write the address of each run there.
    assert capfd.readouterr().out == ""
