"""Where the packages lie, and which revision is built; all else is in pyproject.toml.

Three top-level folders are installed below ``affekt``.
"""

import os
import subprocess
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

BELOW_AFFEKT = ("components", "pipelines", "serving")
HERE = Path(__file__).resolve().parent


def revision() -> str:
    """``AFFEKT_REVISION``, or what git says of this checkout; empty where neither is there."""
    if given := os.environ.get("AFFEKT_REVISION"):
        return given
    if not (HERE / ".git").exists():
        return ""
    command = ["git", "-C", str(HERE), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


class BuildWithRevision(build_py):
    """Records the revision in the package (``affekt --version`` shows it); an editable installation asks git."""

    def run(self) -> None:
        """Build, and record."""
        super().run()
        if not self.editable_mode and (found := revision()):
            Path(self.build_lib, "affekt", "revision.txt").write_text(f"{found}\n", encoding="ascii")


setup(
    cmdclass={"build_py": BuildWithRevision},
    packages=find_packages(include=["affekt", "affekt.*"])
    + [f"affekt.{name}" for top in BELOW_AFFEKT for name in find_packages(include=[top, f"{top}.*"])],
    package_dir={f"affekt.{name}": name for name in BELOW_AFFEKT},
)
