"""What CONTRIBUTING.md tells to do is done here, with its own words, in a copy of the tree."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def blocks(section: str) -> dict[str, str]:
    """The blocks of a section by their language."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.partition(f"## {section}\n")[2].partition("\n## ")[0]
    found = re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return {kind: textwrap.dedent(body) for _, kind, body in found}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages as they are installed."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "affekt", tmp_path / "affekt", ignore=ignore)
    for folder in ("components", "pipelines", "serving"):
        shutil.copytree(ROOT / folder, tmp_path / "affekt" / folder, ignore=ignore)
    return tmp_path


def affekt(tree: Path, command: str) -> str:
    """What a command prints when it is run from the copy."""
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def insert(file: Path, after: str, text: str) -> None:
    """Put a block at the end of the group of lines that begins with ``after``."""
    head, found, tail = file.read_text(encoding="utf-8").partition(after)
    assert found
    group, gap, rest = tail.partition("\n\n")
    file.write_text(f"{head}{found}{group}\n{text.rstrip()}{gap}{rest}", encoding="utf-8")


def test_add_a_setting(tree: Path) -> None:
    told = blocks("Add a setting")
    schema = tree / "affekt" / "settings" / "schema.py"
    insert(schema, '"""How figures are judged."""\n\n', textwrap.indent(told["python"], "    "))
    insert(tree / "affekt" / "presets" / "paper.yaml", "\nevaluation:", textwrap.indent(told["yaml"], "  "))
    shown = affekt(tree, told["bash"].strip())
    assert "evaluation.examples = 5  (override)" in shown
    assert "clips of each label that the report shows" in shown
    assert "expected: whole number from 1 to 100; defaults: paper 3, small 3" in shown
