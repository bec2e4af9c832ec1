"""From sample clips to an answer of TorchServe: the pipeline's ensemble behind ``affekt serve``."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from affekt.pipelines.cli import run


@pytest.fixture(scope="module")
def served(pipeline_run):
    """A running ``affekt serve``: its process and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "AFFEKT_HOME": str(pipeline_run.home),
        "MLFLOW_TRACKING_URI": pipeline_run.tracking_uri,
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "affekt", "serve", "--port", str(port), "--model", "tiny/1"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"answers at (http://127\.0\.0\.1:\d+\S*);", line):
                yield process, found[1]
                break
        else:
            pytest.fail("affekt serve ended without an address")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert process.returncode == 0


def test_the_served_answer_is_the_one_of_this_process(served, pipeline_run, sample_clips, monkeypatch, capsys):
    monkeypatch.setenv("AFFEKT_HOME", str(pipeline_run.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", pipeline_run.tracking_uri)
    clips = [str(path) for path in sorted((sample_clips / "clips").iterdir())[-2:]]
    assert run(["predict", *clips, "--model", "tiny/1", "--json"]) == 0
    here = json.loads(capsys.readouterr().out)["results"]
    assert run(["predict", *clips, "--url", served[1], "--json"]) == 0
    there = json.loads(capsys.readouterr().out)["results"]
    for mine, theirs in zip(here, there, strict=True):
        assert theirs["label"] == mine["label"]
        assert theirs["probabilities"] == pytest.approx(mine["probabilities"], abs=1e-5)
        assert set(theirs) == set(mine)


def test_a_bad_clip_is_an_error_and_the_server_goes_on(served, sample_clips, tmp_path, capsys):
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    good = str(sorted((sample_clips / "clips").iterdir())[0])
    assert run(["predict", str(bad), good, "--url", served[1], "--json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    assert "error" in results[0]
    assert "label" in results[1]
