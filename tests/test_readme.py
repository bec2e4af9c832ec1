"""The README's own commands, run as a reader would, in folders with spaces, accents and quotes; nothing is left."""

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


#: An apostrophe and no double quote: MLflow 3.17 writes the current folder's name as Python shows it into SQL.
ODD = "a folder of Zoë's & $HOME;"
DATA = '../my "clips"'


@pytest.fixture(scope="module")
def first_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder above interpreter, data, state, home and temporary folder, which have odd names, after all of them."""
    top = tmp_path_factory.mktemp("readme") / ODD
    interpreter = top / "Python é x" / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    for name in ("lib", "pyvenv.cfg"):
        (interpreter.parent.parent / name).symlink_to(Path(sys.prefix, name))
    interpreter.symlink_to(Path(sys.executable).resolve())
    for name in ("home", "temporary", "work"):
        (top / name).mkdir()
    cleared = ("MLFLOW_TRACKING_URI", "AFFEKT_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name not in cleared}
    places = {"HOME": str(top / "home"), "TMPDIR": str(top / "temporary"), "PYTHONDONTWRITEBYTECODE": "1"}
    for command in (command for command in COMMANDS if command.startswith("affekt ")):
        words = [re.sub("^clips", lambda _: DATA, word) for word in shlex.split(command)]
        done = subprocess.run(
            [interpreter, "-m", *words], cwd=top / "work", env=environment | places, capture_output=True, text=True,
            timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return top


def test_the_first_steps_work_as_written(first_steps: Path) -> None:
    (run,) = (first_steps / "work" / ".affekt" / "runs").iterdir()
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "pipeline.log", "report.html"]


@pytest.mark.parametrize("name", ["home", "temporary"])
def test_they_leave_nothing_in_the_persons_folders(first_steps: Path, name: str) -> None:
    assert [str(path.relative_to(first_steps)) for path in (first_steps / name).rglob("*")] == []


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_command_is_a_target(command):
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_a_link_leads_somewhere(link):
    assert (ROOT / link).exists()
