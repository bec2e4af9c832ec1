"""The README's commands for one's own clips: each is one that there is, and in this order they work."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from affekt.pipelines.cli import build_parser
from affekt.score_table import ScoreTable
from tests.conftest import TINY

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = README.partition("On your own clips:\n\n```\n")[2].partition("```")[0]
#: Every command of the block, those in its remarks too.
COMMANDS = [command.strip() for command in re.findall(r"affekt [^#;\n]+", BLOCK)]


def filled_in(command: str, given: Mapping[str, str]) -> list[str]:
    """The command's arguments, with what is given in the place of the words in capitals."""
    command = command.replace("CLIP...", "CLIP CLIP").replace("[--json]", "--json")
    words = [re.sub(r"[A-Z]{2,}(\.csv)?|\bN\b", lambda word: given[word[0]], word) for word in command.split()]
    return words[1:]


NAMES = {
    "DATA": "data",
    "FACES": "faces",
    "CLIP": "clip.mp4",
    "URL": "http://127.0.0.1:1",
    "N": "mine",
    "SCORES.csv": "s",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_there_is_such_a_command(command):
    assert build_parser().parse_args(filled_in(command, NAMES)).module


def test_every_line_begins_with_a_command():
    assert len(COMMANDS) >= len(BLOCK.splitlines()) == 9
    assert all(line.startswith("affekt ") for line in BLOCK.splitlines())


@pytest.fixture
def given(tmp_path: Path, sample_clips: Path, sample_faces: Path) -> dict[str, str]:
    rng = np.random.default_rng(0)
    names, truth = tuple(f"clip{number}" for number in range(40)), np.arange(40) % 2
    splits = tuple("train" if number < 20 else "val" for number in range(40))
    subjects = tuple(f"s{number // 4}" for number in range(40))
    scores = rng.dirichlet(np.ones(2), (40, 2))
    ScoreTable(names, ("happy", "sad"), ("one", "two"), scores, truth, subjects, splits).write(tmp_path / "scores.csv")
    clip = sorted((sample_clips / "clips").iterdir())[0]
    return {
        "DATA": str(sample_clips), "FACES": str(sample_faces), "CLIP": str(clip),
        "N": "mine", "SCORES.csv": str(tmp_path / "scores.csv"),
    }  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return {**kept, "AFFEKT_HOME": str(tmp_path / ".affekt")}


def affekt(arguments: list[str], environment: Mapping[str, str]) -> str:
    command = [sys.executable, "-m", "affekt", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_they_work_in_this_order(given, environment):
    tiny = [word for setting in TINY for word in ("--set", setting)]
    for command in COMMANDS:
        if command == "affekt serve":
            port = _free_port()
            arguments = [sys.executable, "-m", "affekt", "serve", "--port", str(port)]
            server = subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True)
            assert server.stdout and "answers at" in server.stdout.readline()
            given["URL"] = f"http://127.0.0.1:{port}"
            continue
        arguments = filled_in(command, given)
        said = affekt(arguments + (tiny if arguments[0] == "train" else []), environment)
        if arguments[0] == "train":
            # What two iterations taught passes no gate; a person who wants it all the same promotes it.
            name = arguments[arguments.index("--name") + 1] if "--name" in arguments else "affekt"
            affekt(["models", "promote", f"{name}/1"], environment)
        elif "--url" in arguments:
            server.send_signal(signal.SIGINT)
            assert server.wait(60) == 0
        elif "--json" in arguments:
            assert len(json.loads(said)["results"]) == 2


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
