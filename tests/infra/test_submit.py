"""A run on a cluster: what is refused before anything is sent, and what the Kubeflow Pipelines API gets."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from affekt.errors import AffektError
from affekt.pipelines import connection
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.run import submit_training
from affekt.pipelines.runners import Cluster, runner_named
from affekt.settings import load_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))
from kubeflow import serving


@pytest.fixture
def api():
    with serving() as server:
        yield server


@pytest.fixture
def cluster(api, monkeypatch, tmp_path) -> Cluster:
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    return Cluster(f"http://127.0.0.1:{api.server_port}", "s3://bucket/store", service_account="affekt-pipeline")


@pytest.fixture(scope="module")
def job() -> TrainingJob:
    return TrainingJob("s3://bucket/clips", load_settings("small"), models=("svc",), name="weekly")


def test_a_submission_is_answered_with_the_runs_id_and_address(job, cluster, api):
    submitted = submit_training(job, cluster)
    (run,) = api.runs
    expected = {"run_id": run["run_id"], "url": f"{cluster.endpoint}/#/runs/details/{run['run_id']}"}
    assert submitted.to_dict() == expected


def test_the_cluster_gets_the_pipeline_with_its_arguments(job, cluster, api):
    submit_training(job, cluster)
    path, _, run = api.posted[-1]
    assert path == "/apis/v2beta1/runs"
    json_format.ParseDict(run["pipeline_spec"]["pipeline_spec"], pipeline_spec_pb2.PipelineSpec())
    given = run["runtime_config"]["parameters"]
    assert (given["data"], given["store"], given["name"]) == ("s3://bucket/clips", "s3://bucket/store", "weekly")
    assert given["tracking_uri"] == "http://tracking.example:5000"
    assert run["service_account"] == "affekt-pipeline"


def test_no_step_of_a_submission_is_taken_from_a_cache(job, cluster, api):
    submit_training(job, cluster)
    spec = api.posted[-1][2]["pipeline_spec"]["pipeline_spec"]
    dags = [spec["root"]["dag"], *(each["dag"] for each in spec["components"].values() if "dag" in each)]
    assert not any(task.get("cachingOptions", {}).get("enableCache") for dag in dags for task in dag["tasks"].values())


def test_the_token_is_sent_and_never_part_of_the_run(job, cluster, api):
    submit_training(job, replace(cluster, token="secret-word"))
    _, headers, run = api.posted[-1]
    assert headers["authorization"] == "Bearer secret-word"
    assert "secret-word" not in json.dumps(run)


def test_nothing_but_the_answer_is_printed(job, cluster, capsys):
    submit_training(job, cluster)
    assert capsys.readouterr().out == ""


def test_a_refusal_of_the_cluster_is_told_in_its_words(job, cluster, api):
    api.refuse = True
    with pytest.raises(AffektError, match=r"403.*not yours"):
        submit_training(job, cluster)


def test_a_cluster_that_is_not_there_is_named(job, cluster, api, monkeypatch):
    monkeypatch.setattr(connection, "WAITS", (0.01, 0.01))
    endpoint = cluster.endpoint
    api.shutdown()
    api.server_close()
    with pytest.raises(AffektError, match="KFP_ENDPOINT") as caught:
        submit_training(job, cluster)
    assert caught.value.where == endpoint


def test_everything_that_pods_cannot_see_is_refused_at_once(job, cluster, api, monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    local = replace(job, data=str(tmp_path), faces="faces")
    with pytest.raises(AffektError) as caught:
        submit_training(local, Cluster("", ""))
    for word in ("KFP_ENDPOINT", "DATA", "--faces", "AFFEKT_STORE", "MLFLOW_TRACKING_URI"):
        assert word in str(caught.value)
    assert not api.posted


def test_a_login_is_no_argument_of_a_run(job, cluster, api, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://ann:pw@tracking.example")
    with pytest.raises(AffektError, match="secret affekt-login") as caught:
        submit_training(job, cluster)
    assert "pw" not in str(caught.value)
    assert not api.posted


def test_a_signature_that_becomes_an_argument_is_remarked_on(cluster, api, caplog):
    settings = load_settings("small", ["vgg.pretrained=https://host/w.pt?X-Amz-Signature=abc"])
    submit_training(TrainingJob("s3://bucket/clips", settings, models=("svc",), name="weekly"), cluster)
    assert "whoever sees the run in Kubeflow sees the signature" in caplog.text


def test_the_environment_describes_the_cluster(monkeypatch):
    for name in ("TOKEN", "NAMESPACE", "SERVICE_ACCOUNT"):
        monkeypatch.delenv(f"KFP_{name}", raising=False)
    monkeypatch.setenv("KFP_ENDPOINT", "http://kfp.example")
    monkeypatch.setenv("AFFEKT_STORE", "s3://b/s")
    assert runner_named("cluster") == Cluster("http://kfp.example", "s3://b/s")


def test_the_command_says_what_is_missing(monkeypatch, capsys, tmp_path):
    from affekt.pipelines.cli import run

    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    monkeypatch.delenv("KFP_ENDPOINT", raising=False)
    assert run(["train", str(Path(__file__).parent), "--runner", "cluster"]) == 1
    assert "KFP_ENDPOINT is not set" in capsys.readouterr().err
