"""The full walk against MLflow on PostgreSQL with its files in S3, and either server away, cut off and gone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shared_killed import FEW, Training, Watched

from affekt.errors import AffektError
from affekt.registry import Tracking, check_store
from tests.registry.shared_servers import NO_POSTGRESQL, MlflowServer, Way, postgresql
from tests.shared_s3 import NO_SEAWEEDFS, client, seaweedfs, variables

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(NO_POSTGRESQL), reason=NO_POSTGRESQL),
    pytest.mark.skipif(bool(NO_SEAWEEDFS), reason=NO_SEAWEEDFS),
]


class Servers:
    """All three; :attr:`way` leads to MLflow and can fail."""

    def __init__(self, folder: Path, database: str, s3: str) -> None:
        self.s3, self.folder, self.database = s3, folder, database
        self.bucket = client(s3)
        self.bucket.create_bucket(Bucket="artifacts")
        self.mlflow = MlflowServer(folder, database, "s3://artifacts", variables(s3))
        subprocess.run(
            [sys.executable, "-m", "affekt.registry.database", "migrate"],
            env={**os.environ, "MLFLOW_BACKEND_STORE_URI": database}, check=True,
        )  # fmt: skip
        self.mlflow.start()
        self.mlflow.wait()
        self.way = Way(self.mlflow.port)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with postgresql() as database, seaweedfs() as s3:
        made = Servers(tmp_path_factory.mktemp("mlflow"), database, s3)
        try:
            yield made
        finally:
            made.way.close()
            made.mlflow.stop()


@pytest.fixture
def train(tmp_path, sample_clips, servers):
    """Makes a training of a name against the servers, from a home of its own."""

    def made(name: str, *options: str, **environment: str) -> Training:
        return Training(
            tmp_path / "home", sample_clips, "--only=svc", f"--name={name}", *options,
            settings=FEW, MLFLOW_TRACKING_URI=servers.way.uri, **environment,
        )  # fmt: skip

    return made


def affekt(home: Path, uri: str, *arguments: str) -> str:
    environment = {**os.environ, "AFFEKT_HOME": str(home), "MLFLOW_TRACKING_URI": uri}
    done = subprocess.run(
        [sys.executable, "-m", "affekt", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs(servers, name: str) -> set[str]:
    """The states of the runs of a training."""
    tracking = Tracking(servers.mlflow.uri)
    (version,) = tracking.client.search_model_versions(f"name = '{name}'")
    below = f"tags.`mlflow.parentRunId` = '{version.run_id}'"
    children = tracking.client.search_runs([tracking.experiment_id], below)
    return {run.info.status for run in [*children, tracking.client.get_run(version.run_id)]}


def test_the_full_walk(servers, train, tmp_path, sample_clips):
    uri = servers.mlflow.uri
    first = train("walk")
    done = first.ends()
    assert done.returncode == 0, done.stderr
    assert runs(servers, "walk") == {"FINISHED"}
    again = train("walk", "--set=seed=7").ends()
    assert json.loads(again.stdout)["version"] == 2
    assert not (first.home / "mlflow.db").exists()
    elsewhere = tmp_path / "elsewhere"
    affekt(elsewhere, uri, "models", "promote", "walk/2", "--reason", "to see")
    affekt(elsewhere, uri, "models", "promote", "walk/1", "--reason", "the other one")
    affekt(elsewhere, uri, "models", "rollback", "--name", "walk", "--reason", "it was right")
    history = json.loads(affekt(elsewhere, uri, "models", "history", "walk", "--json"))["history"]
    assert [(entry["action"], entry["version"]) for entry in history][-3:] == [
        ("promote", 2), ("promote", 1), ("rollback", 2),
    ]  # fmt: skip
    clip = next(path for path in sorted(sample_clips.rglob("*")) if path.suffix == ".mp4")
    answer = json.loads(affekt(elsewhere, uri, "predict", str(clip), "--model", "walk@champion", "--json"))
    assert answer
    listed = servers.bucket.list_objects_v2(Bucket="artifacts")["Contents"]
    assert any(item["Key"].endswith("ensemble.json") for item in listed)


def test_a_training_outlives_a_server_that_is_away_not_ready_cut_off_and_slow(servers, train):
    watched = Watched(train("faults"))
    watched.until("'collect'")
    servers.mlflow.away(20).join()  # inside of a step, or between two
    for point, state in (("'train-svc'", "503"), ("'fit-fusion'", "cut"), ("'register'", "slow"), ("'gate'", "cut")):
        watched.until(point)
        servers.way.state = state
        time.sleep(20)
        servers.way.state = "open"
    assert watched.ends() == 0, watched.said
    assert runs(servers, "faults") <= {"FINISHED", "FAILED"}
    log = watched.training.log()
    assert re.search(r"no answer of MLflow at http://\S+ for 15 s; waiting for at most 600 s", log)
    assert "MLflow answers again after" in log
    assert json.loads(watched.said[0])["version"] == 1


def test_a_server_that_is_gone_for_good_is_one_error_and_the_next_start_goes_on(servers, train):
    training = train("gone", AFFEKT_PATIENCE="10")
    watched = Watched(training)
    watched.until("affekt: svc: done in")
    servers.way.state = "503"
    assert watched.ends() == 1
    error = json.loads(watched.said[0])["error"]
    assert (error["code"], error["where"]) == ("unanswered", servers.way.uri)
    refused = training.ends()
    assert json.loads(refused.stdout)["error"]["code"] == "tracking_unreachable"
    servers.way.state = "open"
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert training.log().count("affekt: svc: done in") == 1
    assert "RUNNING" not in runs(servers, "gone")


class Behind:
    """Clips, and the artifacts of an MLflow, in an S3 to which :attr:`way` leads, which can fail."""

    def __init__(self, servers: Servers, clips: Path) -> None:
        self.way = Way(int(servers.s3.rpartition(":")[2]))
        servers.bucket.create_bucket(Bucket="clips")
        for path in sorted(path for path in clips.rglob("*") if path.is_file()):
            servers.bucket.upload_file(str(path), "clips", f"set/{path.relative_to(clips)}")
        self.mlflow = MlflowServer(servers.folder, servers.database, "s3://artifacts", variables(self.way.uri))
        self.mlflow.start()
        self.mlflow.wait()

    def training(self, home: Path, name: str, key: str = "key", **environment: str) -> Training:
        return Training(
            home, "s3://clips/set", "--only=svc", f"--name={name}", settings=FEW, MLFLOW_TRACKING_URI=self.mlflow.uri,
            **variables(self.way.uri, key), **environment,
        )  # fmt: skip


@pytest.fixture(scope="module")
def behind(servers, sample_clips):
    made = Behind(servers, sample_clips)
    yield made
    made.way.close()
    made.mlflow.stop()


def test_a_training_outlives_an_s3_that_is_away_not_ready_cut_off_and_slow(servers, behind, tmp_path):
    watched = Watched(behind.training(tmp_path / "home", "s3-faults"))
    for point, state in (
        ("'ingest'", "cut"), ("'prepare-shard'", "away"), ("affekt: prepare: ", "503"), ("'train-svc'", "503"),
        ("'fit-fusion'", "cut"), ("'register'", "slow"), ("'gate'", "cut"),
    ):  # fmt: skip
        watched.until(point)
        if state == "away":
            behind.way.away(20)
            continue
        behind.way.state = state
        time.sleep(20)
        behind.way.state = "open"
    assert watched.ends() == 0, watched.said
    assert runs(servers, "s3-faults") <= {"FINISHED", "FAILED"}
    assert "S3 answers again after" in watched.training.log()
    assert json.loads(watched.said[0])["version"] == 1


@pytest.mark.parametrize("point", ["'prepare-shard'", "affekt: svc: done in"])
def test_an_s3_that_is_gone_for_good_is_one_error_and_the_next_start_goes_on(servers, behind, tmp_path, point):
    name = "s3-gone-" + ("early" if "shard" in point else "late")
    training = behind.training(tmp_path / "home", name, AFFEKT_PATIENCE="10")
    watched = Watched(training)
    watched.until(point)
    behind.way.state = "503"
    assert watched.ends() == 1
    assert json.loads(watched.said[0])["error"]["code"] == "unanswered"
    before = training.steps()
    behind.way.state = "open"
    done = training.ends()
    assert done.returncode == 0, done.stderr
    kept = {"ingest", "plan_shards", "prepare", "svc"} & set(before)
    assert {step: training.steps().count(step) for step in kept} == dict.fromkeys(kept, 1)
    assert "RUNNING" not in runs(servers, name)


def test_clips_in_a_bucket_without_permission_are_told_before_anything_starts(behind, tmp_path):
    training = behind.training(tmp_path / "home", "stranger", "stranger")
    refused = training.ends()
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "access_denied"
    assert error["where"].startswith("s3://clips/set")
    assert "'clips'" in error["message"]
    assert training.log() == ""


def test_a_bucket_without_permission_is_told_before_anything_is_trained(servers, tmp_path, sample_clips):
    reads = MlflowServer(servers.folder, servers.database, "s3://artifacts", variables(servers.s3, "reader"))
    reads.start()
    try:
        reads.wait()
        training = Training(tmp_path / "home", sample_clips, "--only=svc", MLFLOW_TRACKING_URI=reads.uri)
        refused = training.ends()
    finally:
        reads.stop()
    assert json.loads(refused.stdout)["error"]["code"] == "artifacts_not_writable"
    assert training.log() == ""


@pytest.mark.parametrize(("bucket", "key"), [("artifacts", "reader"), ("nowhere", "key")])
def test_a_prepared_store_that_cannot_be_written_is_told(servers, monkeypatch, bucket, key):
    for name, value in variables(servers.s3, key).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AffektError, match=r"the prepared store cannot be written: .*bucket") as caught:
        check_store(f"s3://{bucket}/store")
    assert caught.value.where.startswith(f"s3://{bucket}/store")
