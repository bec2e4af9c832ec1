"""The program of the serving image, run here without an image: start, readiness, an answer, an orderly end."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from affekt.serving.client import predict
from affekt.serving.container import INFERENCE, METRICS, follow


class Lines(io.StringIO):
    """Collects what is written, and can wait for it."""

    def wait_for(self, text: str) -> bool:
        ends = time.monotonic() + 30
        while text not in self.getvalue() and time.monotonic() < ends:
            time.sleep(0.05)
        return text in self.getvalue()


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def started(model: str, home: str, **given: str) -> subprocess.Popen[str]:
    if not all(map(free, (INFERENCE, METRICS))):
        pytest.skip(f"the server's ports {INFERENCE} and {METRICS} are in use here")
    environment = {
        **os.environ,
        "AFFEKT_MODEL": model,
        "AFFEKT_HOME": home,
        "AFFEKT_ADDRESS": "127.0.0.1",
        "AFFEKT_WORKERS": "1",
        **given,
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.Popen(
        [sys.executable, "-m", "affekt.serving.container"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ready() -> int:
    return subprocess.run([sys.executable, "-m", "affekt.serving.container", "ready"], capture_output=True).returncode


def test_a_log_is_followed_into_the_file_that_replaces_it(tmp_path):
    log, out = tmp_path / "torchserve.log", Lines()
    threading.Thread(target=follow, args=(log, out), daemon=True).start()
    log.write_text("first\n", encoding="utf-8")
    assert out.wait_for("first\n")
    log.rename(tmp_path / "torchserve.1.log")
    log.write_text("second\n", encoding="utf-8")
    assert out.wait_for("first\nsecond\n")


def test_a_folder_without_an_ensemble_ends_the_container(tmp_path):
    process = started(str(tmp_path), str(tmp_path))
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert str(tmp_path) in out


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("AFFEKT_WORKERS", "many", "a whole number"),
        ("AFFEKT_PEOPLE", "-1", "a whole number"),
        ("AFFEKT_PEOPLE_MINUTES", "1.5", "a whole number"),
        ("AFFEKT_ENGINE", "Direct", "torchserve or direct"),
        ("AFFEKT_UNTRIED", "yes", "0 or 1"),
        ("AFFEKT_WITHOUT_KEYS", "true", "0 or 1"),
    ],
)
def test_a_value_that_is_not_understood_ends_the_container_and_is_named(tiny_ensemble, tmp_path, name, value, expected):
    process = started(str(tiny_ensemble), str(tmp_path), **{name: value})
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"{name} is {value!r}; expected {expected}" in out and "Traceback" not in out


@pytest.mark.slow
def test_a_container_serves_until_it_is_told_to_end(tiny_ensemble, sample_clips, tmp_path):
    process = started(str(tiny_ensemble), str(tmp_path))
    try:
        ends = time.monotonic() + 120
        while ready() != 0:
            assert process.poll() is None and time.monotonic() < ends
        clip = next((sample_clips / "clips").iterdir())
        assert predict(f"http://127.0.0.1:{INFERENCE}", clip)["label"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert free(INFERENCE) and ready() == 1
    finally:
        process.kill()
        process.communicate()
