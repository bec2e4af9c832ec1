"""A cluster that refuses, is busy, slow, or whose answer is lost: each its own sentence, and no training twice."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from affekt.errors import AffektError, UsageError
from affekt.pipelines import connection
from affekt.pipelines.cli import run
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import submit_training
from affekt.pipelines.runners import Cluster
from affekt.pipelines.submit_options import SubmitOptions
from affekt.settings import load_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))
from kubeflow import Fault, serving

RUNS = "/apis/v2beta1/runs"


@pytest.fixture
def api(monkeypatch, tmp_path):
    monkeypatch.setattr(connection, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(connection, "LIMITS", (2, 1))
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    with serving() as server:
        yield server


def submitted(api, options: SubmitOptions | None = None) -> str:
    job = TrainingJob("s3://bucket/clips", load_settings("small"), models=("svc",), name="weekly")
    cluster = Cluster(f"http://127.0.0.1:{api.server_port}", "s3://bucket/store")
    return submit_training(job, cluster, options or SubmitOptions()).run_id


def refused(api) -> AffektError:
    with pytest.raises(AffektError) as caught:
        submitted(api)
    return caught.value


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (401, "KFP_TOKEN", "cluster_refused"),
        (403, "KFP_NAMESPACE", "cluster_refused"),
        (404, "Pipelines 2", "cluster_refused"),
        (409, "already", "cluster_refused"),
        (429, "too much to do", "cluster_busy"),
        (503, "not ready", "cluster_busy"),
    ],
)
def test_each_refusal_has_its_sentence(api, status, word, code):
    api.faults = [Fault("POST", RUNS, status, times=9, body=b'{"error": "in its words"}')]
    error = refused(api)
    assert (error.code, str(status) in error.message) == (code, True)
    assert word in error.message
    assert "in its words" in error.message
    assert not api.runs


def test_what_is_refused_for_good_is_asked_once(api):
    api.faults = [Fault("POST", RUNS, 403, times=9)]
    refused(api)
    assert api.faults[0].times == 8


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("method", "path"), [("GET", "/healthz"), ("GET", RUNS), ("POST", RUNS)])
def test_a_busy_cluster_is_asked_again(api, status, method, path):
    api.faults = [Fault(method, path, status, headers={"Retry-After": "0"})]
    assert submitted(api) == api.runs[0]["run_id"]
    assert len(api.runs) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/healthz", 200, headers={"Content-Type": "text/html"}, body=b"<html>Log in</html>", times=9),
        Fault("GET", "/healthz", 302, headers={"Location": "http://127.0.0.1:9/dex"}, times=9),
    ],
)
def test_a_login_page_is_told(api, fault):
    api.faults = [fault]
    assert refused(api).code == "cluster_login"


def test_a_slow_cluster_is_told(api):
    api.faults = [Fault("GET", "/healthz", 200, seconds=1.5, times=9)]
    error = refused(api)
    assert (error.code, "does not answer within 1 s" in error.message) == ("cluster_unreachable", True)


@pytest.mark.parametrize(("status", "seconds"), [(0, 0.0), (503, 0.0), (504, 0.0), (200, 1.5)])
def test_a_lost_answer_after_acceptance_does_not_train_twice(api, status, seconds):
    api.accept_first = True
    api.faults = [Fault("POST", RUNS, status, seconds=seconds)]
    assert submitted(api) == api.runs[0]["run_id"]
    assert len(api.runs) == 1


def test_where_a_request_may_be_at_work_still_it_is_not_sent_again(api):
    api.faults = [Fault("POST", RUNS, 504, times=9)]
    error = refused(api)
    assert api.faults[0].times == 8
    assert "--tag" in error.message


def test_of_two_submissions_with_one_tag_only_the_first_trains(api):
    first = submitted(api, SubmitOptions(tag="week-48"))
    assert submitted(api, SubmitOptions(tag="week-48")) == first
    assert submitted(api, SubmitOptions(tag="week-4")) != first
    assert len(api.runs) == 2


def test_root_shards_and_labels_reach_the_cluster(api):
    submitted(api, SubmitOptions("s3://bucket/root", 64, {"team": "speech"}))
    (sent,) = api.runs
    assert sent["runtime_config"]["pipeline_root"] == "s3://bucket/root"
    assert sent["runtime_config"]["parameters"]["clips_per_shard"] == 64
    executors = sent["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert executors
    assert all(each["podMetadata"]["labels"] == {"team": "speech"} for each in executors.values())


@pytest.mark.parametrize(
    "options",
    [SubmitOptions("/tmp/root"), SubmitOptions(tag="A B"), SubmitOptions(labels={"a b": "c"}), SubmitOptions("", 0)],
)
def test_what_no_cluster_takes_is_refused_before_anything_is_sent(api, options):
    with pytest.raises(UsageError):
        submitted(api, options)
    assert not api.posted


def test_the_command_prints_the_address_of_the_run(api, monkeypatch, capsys):
    endpoint = f"http://127.0.0.1:{api.server_port}"
    monkeypatch.setenv("KFP_ENDPOINT", endpoint)
    monkeypatch.setenv("AFFEKT_STORE", "s3://bucket/store")
    arguments = ["pipeline", "submit", "s3://bucket/clips", "--label", "team=speech", "--tag", "week-48"]
    for _ in range(2):
        assert run([*arguments, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["url"] == f"{endpoint}/#/runs/details/{api.runs[0]['run_id']}"
    assert len(api.runs) == 1
