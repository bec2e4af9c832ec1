"""A submitted training on a stand-in of Kubeflow Pipelines: how its MLflow run is opened, and how it is closed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import AffektError
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import submit_training
from affekt.pipelines.runners import Cluster
from affekt.registry import Tracking
from affekt.settings import load_settings

sys.path.insert(0, str(Path(__file__).parent))
from kubeflow import Driver, Refused, serving

ANSWERS = {"ingest": "run", "plan-shards": ["0/2", "1/2"], "register": 1, "gate": False}
FEW = ("svc.c_candidates=[0.1]", "fusion.folds=2", "evaluation.bootstrap=100", "gate.check_serving=false")


@pytest.fixture
def api(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    with serving() as server:
        yield server


@dataclass
class Place:
    """Where the cluster of a test has its data and its MLflow."""

    api: Any
    folder: Path
    clips: Path

    @property
    def tracking(self) -> Tracking:
        return Tracking(f"sqlite:///{self.folder / 'mlflow.db'}", home=self.folder)

    def driver(self, **options: Any) -> Driver:
        """The driver of a newly submitted training."""
        job = TrainingJob("s3://bucket/clips", load_settings("small", FEW), models=("svc",), name="weekly")
        submit_training(job, Cluster(f"http://127.0.0.1:{self.api.server_port}", "s3://bucket/store"))
        run = self.api.runs[-1]
        places = {
            "data": str(self.clips),
            "store": str(self.folder / "store"),
            "tracking_uri": f"sqlite:///{self.folder / 'mlflow.db'}",
        }
        environment = {"AFFEKT_HOME": str(self.folder), "MLFLOW_TRACKING_URI": ""}
        options.setdefault("real", frozenset({"ingest", "finish"}))
        return Driver(run, self.folder / run["run_id"], environment, places, answers=ANSWERS, **options)

    def runs(self) -> dict[str, list[str]]:
        """The states of the parent runs by job."""
        found: dict[str, list[str]] = {}
        for run in self.tracking.client.search_runs([self.tracking.experiment_id]):
            if "affekt.job" in run.data.tags:
                found.setdefault(run.data.tags["affekt.job"], []).append(run.info.status)
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """That of all tests here: MLflow makes its database once."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture
def place(api, folder, sample_clips):
    return Place(api, folder, sample_clips)


def test_a_training_that_ends_well_is_finished_and_only_its_own_run_is(place):
    place.tracking.start_parent("another", tags={"affekt.job": "another"})
    driver = place.driver(lost={"ingest": 1})
    assert driver.walk() == "SUCCEEDED"
    assert driver.tried[:2] == ["ingest", "ingest"]
    found = place.runs()
    assert found[driver.run["run_id"]] == ["FINISHED"]
    assert found["another"] == ["RUNNING"]


def test_a_training_that_fails_is_failed(place):
    # A pod that is lost more often than its task is repeated, which inside of a loop is once.
    driver = place.driver(lost={"prepare-shard": 1}, real=frozenset({"finish"}))
    place.tracking.start_parent("weekly", tags={"affekt.job": driver.run["run_id"]})
    assert driver.walk() == "FAILED"
    assert driver.tried.count("prepare-shard") == 2
    assert place.runs()[driver.run["run_id"]] == ["FAILED"]


def test_the_driver_is_strict_about_placeholders(place):
    driver = place.driver()
    tasks = driver.run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    tasks["finish"]["inputs"]["parameters"]["job"] = {"runtimeValue": {"constant": "{{$.run}}"}}
    driver.real = frozenset()
    with pytest.raises(Refused, match=r"\{\{\$\.run\}\}"):
        driver.walk()


@pytest.mark.parametrize(("said", "fits"), [("2.17.0", True), ("v2.18.1", True), ("2.16.3", False), ("1.8.22", False)])
def test_the_backends_version_is_checked_before_anything_is_sent(place, said, fits):
    place.api.version = {"tag_name": said}
    if fits:
        place.driver()
        return
    with pytest.raises(AffektError, match=said) as caught:
        place.driver()
    assert caught.value.code == "cluster_too_old"
    assert not place.api.posted


@pytest.mark.parametrize("version", [{}, {"tag_name": "unknown"}])
def test_a_backend_that_does_not_say_its_version_is_remarked_on(place, version, caplog):
    place.api.version = version
    place.driver()
    assert "does not say its version" in caplog.text


@pytest.mark.slow
def test_a_whole_training_leaves_a_registered_version_and_a_finished_run(place):
    driver = place.driver(real=None)
    assert driver.walk() == "SUCCEEDED", [path.read_text() for path in driver.folder.glob("*/log")][-1]
    assert place.runs()[driver.run["run_id"]] == ["FINISHED"]
    (version,) = place.tracking.client.search_model_versions("name = 'weekly'")
    assert int(version.version) == 1
