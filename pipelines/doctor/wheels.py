"""Whether installed packages are whole: their files as they were installed, no other in their place; and whether they
can be imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import Distribution
from importlib.util import find_spec
from pathlib import Path

from affekt.counted import counted

#: Parts of paths that may be taken away to save room.
_SPARED = ("/test/", "/tests/")
_IMPORT_WITHIN = 300


def torn(package: Distribution) -> str:
    """Which files of a package are not there or cut off, by what its installation wrote down; empty where none is.

    An unpacked disk image or an installation that was interrupted leaves such. Files that were made longer are
    somebody's own change.
    """
    root = str(package.locate_file(""))
    lost = []
    for line in (package.read_text("RECORD") or "").splitlines():
        name, _, size = line.rsplit(",", 2) if line.count(",") >= 2 else ("", "", "")
        name = name.strip('"')
        if (not name.endswith((".py", ".so")) and ".so." not in name) or any(part in name for part in _SPARED):
            continue
        try:
            there = os.stat(f"{root}/{name}").st_size  # noqa: PTH116  of thousands; a Path takes three times as long
        except OSError:
            there = -1
        if there < int(size or 0):
            lost.append(f"{name} is {'not there' if there < 0 else 'cut off'}")
    return lost[0] + (f", and {counted(len(lost) - 1, 'more files')} likewise" if lost[1:] else "") if lost else ""


def hidden(package: Distribution, module: str) -> str:
    """What is imported in place of a package's module; empty where that is the package's own."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return f"no module {module!r} can be found"
    place = spec.origin or next(iter(spec.submodule_search_locations or ()), "")
    root = Path(str(package.locate_file(""))).resolve()
    return "" if Path(place).resolve().is_relative_to(root) else f"{place} is imported in its place"


def import_failure(module: str) -> str:
    """Why a module cannot be imported, tried in a process of its own; empty where it can."""
    command = [sys.executable, "-c", f"import {module}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_WITHIN, check=False)
    except subprocess.TimeoutExpired:
        return f"is not imported within {_IMPORT_WITHIN} s"
    if done.returncode == 0:
        return ""
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return said[-1] if said and done.returncode > 0 else f"its import ends the process (status {done.returncode})"
