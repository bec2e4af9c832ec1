"""The wheel in an environment of its own, without constraints: commands that answer need no extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and what that asks for."""
    folder = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # By its exact version: the newest would be another one, with CUDA.
    for what in ("torch==2.13.0", str(wheel)):
        subprocess.run([*pip, what], check=True, timeout=1500)
    return folder / "bin"


@pytest.fixture
def ask(installed, tmp_path):
    def ask(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MLFLOW"))}
        command = [str(installed / "affekt"), *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)

    return ask


def test_help(ask):
    assert ask("--help").returncode == 0


def test_check(ask, sample_clips):
    assert json.loads(ask("check", sample_clips, "--json").stdout)["errors"] == []


def test_predict(ask, sample_clips, tiny_ensemble):
    clip = sorted((sample_clips / "clips").iterdir())[0]
    done = ask("predict", clip, "--model", tiny_ensemble, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["results"][0]["label"]


@pytest.mark.parametrize(("command", "extra"), [("train", "train"), ("serve", "serve"), ("pipeline compile", "train")])
def test_a_command_that_needs_an_extra_names_it(ask, sample_clips, tiny_ensemble, tmp_path, command, extra):
    subject = {
        "train": [sample_clips],
        "serve": ["--model", tiny_ensemble],
        "pipeline compile": ["--out", tmp_path / "p.yaml"],
    }
    done = ask(*command.split(), *subject[command])
    assert done.returncode == 1
    assert f"pip install 'affekt[{extra}]'" in done.stderr
