"""Servers whose disks fill up under a training: one clear error, and the next start goes on once there is room."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from shared_disk import SmallDisk
from shared_killed import FEW, Training, Watched

from affekt.registry import Tracking
from tests.registry.shared_servers import NO_POSTGRESQL, MlflowServer, Way, postgresql
from tests.shared_s3 import NO_SEAWEEDFS, client, seaweedfs, variables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Fillable:
    """An MLflow behind which something can be full."""

    mlflow: MlflowServer
    fill: Callable[[], None]
    make_room: Callable[[], None]


def _started(stack: ExitStack, server: MlflowServer) -> MlflowServer:
    stack.callback(server.stop)
    server.start()
    server.wait()
    return server


def s3_that_says_so(folder: Path, stack: ExitStack) -> Fillable:
    """Its artifacts' S3 answers as MinIO does."""
    way = Way(int(stack.enter_context(seaweedfs()).rpartition(":")[2]))
    stack.callback(way.close)
    client(way.uri).create_bucket(Bucket="artifacts")
    server = MlflowServer(folder, f"sqlite:///{folder}/mlflow.db", "s3://artifacts", variables(way.uri))
    return Fillable(
        _started(stack, server), lambda: setattr(way, "state", "full"), lambda: setattr(way, "state", "open")
    )


def s3_on_a_full_disk(folder: Path, stack: ExitStack) -> Fillable:
    """The disk of its artifacts' S3 is full."""
    disk = stack.enter_context(SmallDisk.mounted(folder / "disk", 400))
    s3 = stack.enter_context(seaweedfs(disk.place))
    client(s3).create_bucket(Bucket="artifacts")
    server = MlflowServer(folder, f"sqlite:///{folder}/mlflow.db", "s3://artifacts", variables(s3))

    def make_room() -> None:
        disk.make_room()
        ends = time.monotonic() + 180  # it looks after its disk once a minute
        while time.monotonic() < ends:
            with suppress(BotoCoreError, ClientError):
                client(s3).put_object(Bucket="artifacts", Key="room", Body=b"a")
                return
            time.sleep(1)

    return Fillable(_started(stack, server), disk.fill, make_room)


def sqlite_on_a_full_disk(folder: Path, stack: ExitStack) -> Fillable:
    """The disk of its database is full, SQLite's."""
    disk = stack.enter_context(SmallDisk.mounted(folder / "disk", 50))
    server = MlflowServer(folder, f"sqlite:///{disk.place}/mlflow.db", f"file://{folder}/artifacts")
    return Fillable(_started(stack, server), disk.fill, disk.make_room)


def postgresql_on_a_full_disk(folder: Path, stack: ExitStack) -> Fillable:
    """The same of PostgreSQL."""
    disk = stack.enter_context(SmallDisk.mounted(folder / "disk", 200))
    disk.place.chmod(0o755)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    server = MlflowServer(folder, stack.enter_context(postgresql(disk.place)), f"file://{folder}/artifacts")
    return Fillable(_started(stack, server), disk.fill, disk.make_room)


@pytest.fixture
def behind(request, tmp_path) -> Iterator[Fillable]:
    with ExitStack() as stack:
        folder = tmp_path / "mlflow"
        folder.mkdir()
        yield request.param(folder, stack)


_S3 = pytest.mark.skipif(bool(NO_SEAWEEDFS), reason=NO_SEAWEEDFS)
_POSTGRESQL = pytest.mark.skipif(bool(NO_POSTGRESQL), reason=NO_POSTGRESQL)


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(s3_that_says_so, marks=_S3),
        pytest.param(s3_on_a_full_disk, marks=_S3),
        sqlite_on_a_full_disk,
        pytest.param(postgresql_on_a_full_disk, marks=_POSTGRESQL),
    ],
    indirect=True,
    ids=lambda make: make.__name__,
)
def test_what_is_full_behind_mlflow_is_told_and_the_next_start_goes_on(behind, tmp_path, sample_clips):
    training = Training(
        tmp_path / "home", sample_clips, "--only=svc", settings=FEW, MLFLOW_TRACKING_URI=behind.mlflow.uri,
        AFFEKT_PATIENCE="20",
    )  # fmt: skip
    watched = Watched(training)
    watched.until("affekt: svc: done in")
    behind.fill()
    assert watched.ends() == 1
    error = json.loads(watched.said[0])["error"]
    assert error["code"] == "unanswered"
    assert "is full answers so, too" in error["message"]
    still = json.loads(training.ends().stdout)["error"]
    assert still["code"] in ("unanswered", "artifacts_not_writable")
    behind.make_room()
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    assert training.log().count("affekt: svc: done in") == 1
    tracking = Tracking(behind.mlflow.uri)
    assert {run.info.status for run in tracking.client.search_runs([tracking.experiment_id])} <= {"FINISHED", "FAILED"}
