"""A disk that fills up under a training: one clear error, and the next start goes on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from shared_killed import Training, Watched

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 700 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("point", ["'train-svc'", "'register'"])
def test_a_full_disk_is_told_and_the_next_start_goes_on(small_disk, sample_clips, point):
    training = Training(small_disk / "home", sample_clips, "--only=svc")
    watched = Watched(training)
    watched.until(point)
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    assert watched.ends() == 1
    assert json.loads(watched.said[0])["error"]["code"] == "disk_full", watched.said
    full = training.ends()
    assert json.loads(full.stdout)["error"]["code"] == "disk_full"
    ballast.unlink()
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    assert training.log().count("affekt: ingest: done in") == 1
    assert "RUNNING" not in training.states()
