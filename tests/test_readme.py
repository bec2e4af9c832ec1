"""The README's own commands, run as a reader would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, flags=re.M | re.S)
COMMANDS = [line[2:].split("#")[0].strip() for block in CONSOLE for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_command_is_a_target(command):
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)


def test_the_first_steps_work_as_written(place):
    environment = {**os.environ, "AFFEKT_HOME": str(place / ".affekt")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    for command in (command for command in COMMANDS if command.startswith("affekt ")):
        arguments = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(arguments, cwd=place, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()
