"""Installs the packages of this folder into a place of its own, for a Python that sees it beside this one's."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

SPEAKERS = ("DC", "JE", "JK", "KL")
EMOTIONS = {"angry": "a", "happy": "h", "sad": "sa"}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AFFEKT_HOME of a file's commands."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Call with the name of a package: the folder into which it was built and installed, nothing being downloaded."""
    done: dict[str, Path] = {}

    def install(name: str) -> Path:
        if name not in done:
            target = tmp_path_factory.mktemp(name)
            command = ["--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--no-index"]
            source = tmp_path_factory.mktemp("source") / name
            subprocess.run(["cp", "-r", str(Path(__file__).parent / name), str(source)], check=True)
            subprocess.run(
                [sys.executable, "-m", "pip", "install", *command, "--target", str(target), str(source)], check=True
            )
            done[name] = target
        return done[name]

    return install


@pytest.fixture(scope="session")
def with_packages(installed: Callable[[str], Path]) -> Callable[..., Run]:
    """Call with an ``AFFEKT_HOME`` and names of packages: runs Python with these arguments where the packages are."""

    def where(home: Path, *names: str) -> Run:
        path = os.pathsep.join(filter(None, [*map(str, map(installed, names)), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "PYTHONPATH": path, "AFFEKT_HOME": str(home)}

        def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
            )

        return run

    return where


@pytest.fixture(scope="session")
def savee(tmp_path_factory: pytest.TempPathFactory, sample_clips: Path) -> Path:
    """Sample clips of three labels as SAVEE would have them: a folder a speaker, no manifest, each under three numbers.

    These are just enough for a fusion to be fitted.
    """
    root = tmp_path_factory.mktemp("savee") / "AudioVisualClip"
    speakers: dict[str, str] = {}
    count: Counter[tuple[str, str]] = Counter()
    for row in csv.DictReader((sample_clips / "manifest.csv").open(encoding="utf-8")):
        if row["label"] not in EMOTIONS:
            continue
        speaker = speakers.setdefault(row["subject"], SPEAKERS[len(speakers)])
        (root / speaker).mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            count[speaker, row["label"]] += 1
            name = f"{EMOTIONS[row['label']]}{count[speaker, row['label']]:02d}.mp4"
            (root / speaker / name).symlink_to(sample_clips / row["path"])
    return root
