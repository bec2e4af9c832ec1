"""The wheel of the code as it lies here, built as an installer builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = (
    "affekt", "components", "pipelines", "serving", "README.md", "LICENSE", "NOTICE", "pyproject.toml", "setup.py",
)  # fmt: skip
BUILD = "import sys, setuptools.build_meta as backend; backend.build_wheel(sys.argv[1])"


@pytest.fixture(scope="session")
def build_wheel(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds a wheel from a fresh copy of the sources, with more variables in the environment."""

    def build(**variables: str) -> Path:
        root = tmp_path_factory.mktemp("build")
        source = root / "source"
        source.mkdir()
        for part in PARTS:
            if (REPOSITORY / part).is_dir():
                shutil.copytree(REPOSITORY / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(REPOSITORY / part, source / part)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **variables}
        command = [sys.executable, "-c", BUILD, str(root)]
        subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True, timeout=120)
        (wheel,) = root.glob("*.whl")
        return wheel

    return build


@pytest.fixture(scope="session")
def wheel(build_wheel: Callable[..., Path]) -> Path:
    """A wheel."""
    return build_wheel()
