"""A scheduled run on a cluster: it looks first whether there is news, and tells of its end."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from affekt.errors import DataError
from affekt.notify import Ended, Notify
from affekt.pipelines.run import submit_training
from affekt.pipelines.runners import Cluster
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.submit_options import SubmitOptions
from affekt.registry import Tracking
from affekt.registry.jobs import close_job
from affekt.steps.news import News, keep_news
from affekt.steps.tell_end import ended
from affekt.steps.when import When
from tests.schedules.conftest import processor_seconds
from tests.schedules.test_notify import heard
from tests.steps.test_news import Clips, registered

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))
from kubeflow import Driver, serving

__all__ = ["heard"]

ANSWERS = {"look": "train", "ingest": "run", "plan-shards": ["0/2", "1/2"], "register": 1, "gate": False}
SCHEDULE = Schedule(
    "weekly", "0 3 * * 1", "UTC", "s3://bucket/clips", only="svc", runner="cluster", when=When(new_clips=2),
    notify=Notify(webhook="$AFFEKT_WEBHOOK"),
)  # fmt: skip


@pytest.fixture
def tracking(tmp_path: Path, empty_database: Path) -> Tracking:
    shutil.copyfile(empty_database, tmp_path / "mlflow.db")
    return Tracking(f"sqlite:///{tmp_path / 'mlflow.db'}", home=tmp_path / "home")


def driven(tmp_path: Path, clips: Clips, address: str, **options: Any) -> Driver:
    """The driver of a newly submitted run of the schedule."""
    with serving() as api:
        cluster = Cluster(f"http://127.0.0.1:{api.server_port}", "s3://bucket/store")
        submit_training(SCHEDULE.job(), cluster, SubmitOptions(scheduled=SCHEDULE.asked))
        run = api.runs[-1]
    places = {
        "data": str(clips.folder),
        "store": str(tmp_path / "store"),
        "tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}",
    }
    environment = {"AFFEKT_HOME": str(tmp_path / "home"), "MLFLOW_TRACKING_URI": "", "AFFEKT_WEBHOOK": address}
    return Driver(run, tmp_path / "run", environment, places, answers=ANSWERS, **options)


def test_with_nothing_new_the_run_ends_well_after_its_first_step_and_says_so(
    tracking: Tracking, tmp_path: Path, heard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    clips = Clips(tmp_path / "clips")
    registered(tracking, tmp_path / "first", clips.learned())
    driver = driven(tmp_path, clips, heard.address, real=frozenset({"look", "finish"}))
    before = processor_seconds()
    assert driver.walk() == "SUCCEEDED", [path.read_text() for path in driver.folder.glob("*/log")][-1]
    assert processor_seconds() - before < 60
    assert driver.tried == ["look", "finish"]
    (run,) = tracking.client.search_runs([tracking.experiment_id], "tags.`affekt.kind` = 'nothing_to_do'")
    assert (run.info.status, run.data.tags["affekt.job"]) == ("FINISHED", driver.run["run_id"])
    told = heard.document
    assert (told["schedule"], told["result"], told["run"]) == ("weekly", "nothing_to_do", driver.run["run_id"])
    assert told["why"].startswith("nothing to do for affekt/1: 0 of 12 labelled clips new")
    ((headers, _),) = heard.requests
    assert headers["webhook-id"] == f"msg_{driver.run['run_id']}"


def test_with_news_the_training_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    driver = driven(tmp_path, Clips(tmp_path / "clips"), "", real=frozenset())
    assert driver.walk() == "SUCCEEDED"
    assert driver.tried[:2] == ["look", "ingest"]
    assert driver.tried[-2:] == ["gate", "finish"]


def test_that_there_was_nothing_to_do_is_kept_once_however_often_the_step_is_tried(tracking: Tracking) -> None:
    news = News("affekt/1", 12, 0, 0, 0, 0, 0)
    first, again = (keep_news(news, When(new_clips=2), "affekt", "s3://b/clips", tracking, job="j") for _ in range(2))
    assert first == again


def told(tracking: Tracking, state: str = "SUCCEEDED", *, clip_names: bool = False) -> Ended:
    close_job(tracking, "j", state, "a task failed")
    return ended(tracking, "weekly", "j", state, "a task failed", clip_names=clip_names)


@pytest.mark.parametrize(("promoted", "result"), [(True, "promoted"), (False, "refused")])
def test_what_the_gate_decided_is_told_with_its_main_reason(tracking: Tracking, promoted: bool, result: str) -> None:
    tags = {"affekt.job": "j", "affekt.promoted": promoted, "affekt.model": "affekt/7", "affekt.reason": "5 points"}
    tracking.start_parent("weekly", tags=tags)
    found = told(tracking)
    assert (found.result, found.version, found.why, found.code) == (result, "affekt/7", "5 points", "")


def test_a_failure_is_told_with_step_code_and_where_the_log_is_and_without_clips(tracking: Tracking) -> None:
    parent = tracking.start_parent("weekly", tags={"affekt.job": "j"})
    with pytest.raises(DataError), tracking.child(parent, "vgg"):
        raise DataError("diverged on ann.mp4", code="diverged")
    found = told(tracking, "FAILED")
    assert (found.result, found.step, found.code, found.why) == ("failed", "vgg", "diverged", "")
    assert parent in found.log
    assert "ann.mp4" in told(tracking, "FAILED", clip_names=True).why


@pytest.mark.parametrize(("state", "code"), [("FAILED", ""), ("CANCELED", "stopped")])
def test_a_run_that_opened_nothing_in_mlflow_is_told_too(tracking: Tracking, state: str, code: str) -> None:
    found = told(tracking, state)
    assert (found.result, found.code, found.log) == ("failed", code, "Kubeflow run j")
