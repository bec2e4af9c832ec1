"""Which state of the source code this is: what git says of a checkout, or what was recorded when it was built."""

from __future__ import annotations

import subprocess
from pathlib import Path

UNKNOWN = "unknown"
#: Written beside this file when a package is built; setup.py does it.
_RECORDED = "revision.txt"


def revision(package: Path | None = None) -> str:
    """The git revision of the code, shortened, with ``+changes`` where files of the checkout differ from it.

    Args:
        package: the folder of the package (default: where this module lies).

    Returns:
        Of a checkout what git says, elsewhere what the build recorded, else :data:`UNKNOWN`.
    """
    package = package or Path(__file__).parent
    recorded = package / _RECORDED
    return _of_checkout(package.parent) or (recorded.is_file() and recorded.read_text("ascii").strip()) or UNKNOWN


def _of_checkout(root: Path) -> str:
    """What git says of a folder that is itself a checkout; empty where it is none, or git is not installed."""
    if not (root / ".git").exists():  # a virtual environment below somebody's repository is not of that repository
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
