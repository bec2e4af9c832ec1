"""A cold answer loads what an answer needs, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NOT_NEEDED = {
    "audinterface", "boto3", "docker", "jinja2", "kfp", "matplotlib", "mlflow", "opensmile", "pandas", "requests",
    "scipy", "skimage", "sklearn", "urllib3",
    "affekt.checks", "affekt.components", "affekt.registry", "affekt.report", "affekt.samples", "affekt.serving",
    "affekt.statistics", "affekt.steps", "affekt.training",
}  # fmt: skip
SCRIPT = """
import json, os, sys
from affekt.pipelines.cli import run
code = run(sys.argv[1:])
print(json.dumps([code, os.environ.get("OMP_WAIT_POLICY"), sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def cold(sample_clips: Path, tiny_ensemble: Path) -> tuple[int, str, set[str]]:
    """Exit code, how threads wait, and the modules that were loaded, of one answer in a fresh process."""
    clip = sorted((sample_clips / "clips").iterdir())[0]
    command = [sys.executable, "-c", SCRIPT, "predict", str(clip), "--model", str(tiny_ensemble), "--json"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    code, waiting, modules = json.loads(done.stderr.splitlines()[-1])
    return code, waiting, set(modules)


def test_it_answers(cold):
    assert cold[0] == 0


@pytest.mark.parametrize("module", sorted(NOT_NEEDED))
def test_it_does_not_load(cold, module):
    assert module not in cold[2]


def test_its_idle_threads_sleep(cold):
    assert cold[1] == "passive"
