"""A disk of a few hundred MiB that a test fills up, in memory."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


class SmallDisk:
    """A folder that is a disk of its own."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self._ballast = place / "ballast"

    @classmethod
    @contextmanager
    def mounted(cls, place: Path, mebibytes: int) -> Iterator[SmallDisk]:
        """Within it the disk is there; the test is left out where this user may mount none."""
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(place)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this user may not mount a small disk")
        try:
            yield cls(place)
        finally:
            subprocess.run(["umount", "-l", str(place)], check=True)

    def fill(self) -> None:
        """Leave no room on it."""
        with suppress(OSError), self._ballast.open("ab", buffering=0) as file:
            while file.write(bytes(1 << 12)):
                pass

    def make_room(self) -> None:
        """Give back what filled it."""
        self._ballast.unlink()
