"""The record of a benchmark: a header with when, where and with what was measured, and the file that it is kept in."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from datetime import date
from importlib.metadata import version
from pathlib import Path


def header(title: str, *packages: str, more: str = "") -> list[str]:
    """The first lines of a benchmark's Markdown: title, date, commit, host and versions.

    Args:
        title: of the file.
        packages: whose versions the figures depend on, as the package index calls them.
        more: what else was so in this run, such as the device and its load.
    """
    found = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True)
    facts = [
        str(date.today()),
        f"commit {found.stdout.strip() or 'none'}",
        f"{processor()}, {os.cpu_count()} cores",
        more,
        f"Python {platform.python_version()}",
        *(f"{name} {version(name)}" for name in packages),
    ]
    return [f"# {title}", "", " · ".join(filter(None, facts)), ""]


def processor() -> str:
    """The processor's name as it says it itself, where the system tells."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def add_out(parser: argparse.ArgumentParser) -> None:
    """The option that :func:`publish` asks for."""
    parser.add_argument("--out", type=Path, default=None, help="folder for the report; without it, it is only printed")


def publish(text: str, out: Path | None, name: str) -> None:
    """Print a report, and write it to ``name`` in the folder ``out`` if there is one."""
    print(text)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
