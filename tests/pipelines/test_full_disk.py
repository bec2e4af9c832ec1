"""A disk that fills up under a training: one clear error, and the next start goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_disk import SmallDisk
from shared_killed import Training, Watched

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk.mounted(tmp_path / "disk", 700) as disk:
        yield disk


@pytest.mark.parametrize("point", ["'train-svc'", "'register'"])
def test_a_full_disk_is_told_and_the_next_start_goes_on(small_disk, sample_clips, point):
    training = Training(small_disk.place / "home", sample_clips, "--only=svc")
    watched = Watched(training)
    watched.until(point)
    small_disk.fill()
    assert watched.ends() == 1
    assert json.loads(watched.said[0])["error"]["code"] == "disk_full", watched.said
    full = training.ends()
    assert json.loads(full.stdout)["error"]["code"] == "disk_full"
    small_disk.make_room()
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    assert training.log().count("affekt: ingest: done in") == 1
    assert "RUNNING" not in training.states()
