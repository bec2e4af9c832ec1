"""Installs the packages of this folder into a place of its own, for a Python that sees it beside this one's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


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
def with_package(installed: Callable[[str], Path]) -> Callable[..., Run]:
    """Call with a package's name and an ``AFFEKT_HOME``: runs Python with these arguments where the package is."""

    def where(name: str, home: Path) -> Run:
        path = os.pathsep.join(filter(None, [str(installed(name)), os.environ.get("PYTHONPATH", "")]))
        environment = {**os.environ, "PYTHONPATH": path, "AFFEKT_HOME": str(home)}

        def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True, check=False
            )

        return run

    return where
