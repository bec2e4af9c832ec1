"""A TrainJob is followed to its end over a real client and a strict stand-in of the Kubernetes API."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from affekt import events, patience
from affekt.errors import AffektError, DataError
from affekt.steps import nodes_followed
from affekt.steps.heard import Heard
from affekt.steps.nodes_followed import follow
from affekt.trainjob import Cluster, connect
from affekt.trainjob.cluster import AlreadyThereError
from affekt.trainjob.place import Owner
from tests.trainjob.kubernetes_api import NAMESPACE, Fault, State, serving
from tests.trainjob.test_manifest import manifest

Program = Callable[[State, dict[str, Any]], None]
NAME = "affekt-vgg-0"


def line(event: events.Event) -> str:
    """An event as a process writes it."""
    stream = io.StringIO()
    events.write(event, stream)
    return stream.getvalue().rstrip("\n")


def two_nodes(state: State, job: dict[str, Any]) -> tuple[str, str]:
    pods = state.pod(job, 0), state.pod(job, 1)
    for pod in pods:
        state.runs(pod)
    return pods


def trains_well(state: State, job: dict[str, Any]) -> None:
    first, second = two_nodes(state, job)
    for iteration in range(1, 4):
        state.says(first, line(events.Metrics({"base.loss": 1.0 / iteration}, iteration)))
        time.sleep(0.05)
    state.says(first, line(events.Text("goes on")), "a warning of torch")
    state.ends(first)
    state.ends(second)
    state.job_is(job, "Complete", "AllJobsCompleted")


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Program], tuple[State, Cluster]]]:
    """Starts a cluster with a program."""
    monkeypatch.setattr(nodes_followed, "POLL", 1.0)
    monkeypatch.setattr(nodes_followed, "SETTLE", 0.6)
    monkeypatch.setattr(patience, "_PAUSES", (0.05,))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with ExitStack() as stack:

        def start(program: Program) -> tuple[State, Cluster]:
            state = stack.enter_context(serving(program, tmp_path / "kubeconfig"))
            return state, connect(Owner(namespace=NAMESPACE))

        yield start


def followed(state: State, cluster: Cluster) -> list[tuple[int, dict[str, float]]]:
    """The metrics that were heard until the end."""
    logged: list[tuple[int, dict[str, float]]] = []
    cluster.create(manifest())
    follow(cluster, NAME, Heard(lambda values, step: logged.append((step, dict(values))), logging.INFO))
    return logged


ALL = [(1, {"base.loss": 1.0}), (2, {"base.loss": 0.5}), (3, {"base.loss": 1 / 3})]


def test_metrics_and_texts_arrive_as_the_steps_own(started, caplog):
    with caplog.at_level(logging.INFO, "affekt"):
        assert followed(*started(trains_well)) == ALL
    assert "goes on" in caplog.messages
    assert "node 0: a warning of torch" in caplog.messages


def test_what_is_cut_is_taken_up_again_and_nothing_is_heard_twice(started, monkeypatch):
    monkeypatch.setattr(nodes_followed, "SETTLE", 20.0)
    state, cluster = started(trains_well)
    state.cut_logs, state.cut_watches, state.gone_watches = 2, 1, 1
    assert followed(state, cluster) == ALL


@pytest.mark.parametrize("status", [429, 503, 0])
def test_a_busy_api_costs_a_wait_and_not_the_training(started, status):
    state, cluster = started(trains_well)
    state.faults = [Fault("POST", "trainjobs", status), Fault("GET", "pods", status)]
    assert followed(state, cluster) == ALL
    assert len(state.created) == 1


def test_an_error_of_a_process_is_the_steps_with_its_code(started):
    error = DataError("the loss is no number", code="diverged", where="vgg fold 1")

    def program(state: State, job: dict[str, Any]) -> None:
        _, second = two_nodes(state, job)
        state.says(second, line(events.Error.of(error)))
        state.ends(second, 1)

    with pytest.raises(DataError) as caught:
        followed(*started(program))
    assert (caught.value.code, caught.value.where) == ("diverged", "vgg fold 1")


def test_a_node_that_is_taken_away_is_told_from_a_failure(started):
    def program(state: State, job: dict[str, Any]) -> None:
        first, second = two_nodes(state, job)
        state.says(first, line(events.Error.of(SystemExit(143))))
        state.is_taken(second, "PreemptionByScheduler", "for a more important pod")
        state.ends(second, 143)
        state.ends(first, 1)
        state.job_is(job, "Failed", "FailedJobs", "jobset failed")

    with pytest.raises(AffektError, match=r"node 1 was taken away \(PreemptionByScheduler: for a more") as caught:
        followed(*started(program))
    assert caught.value.code == "preempted"


def test_a_node_that_was_told_to_stop_by_nobody_knows_whom_counts_as_taken(started):
    def program(state: State, job: dict[str, Any]) -> None:
        first, second = two_nodes(state, job)
        state.says(first, line(events.Error.of(SystemExit(143))))
        time.sleep(0.3)
        state.ends(first, 1)
        state.removed(second)

    with pytest.raises(AffektError) as caught:
        followed(*started(program))
    assert caught.value.code == "preempted"


@pytest.mark.parametrize(
    ("code", "reason", "job_reason", "expected"),
    [
        (137, "OOMKilled", "FailedJobs", "no_memory"),
        (-11 % 256, "Error", "FailedJobs", "process_died"),
        (1, "Error", "DeadlineExceeded", "time_limit"),
    ],
)
def test_each_way_to_fail_has_its_code(started, code, reason, job_reason, expected):
    def program(state: State, job: dict[str, Any]) -> None:
        first, second = two_nodes(state, job)
        state.says(second, "Fatal Python error: Segmentation fault")
        state.ends(second, code, reason)
        state.ends(first, 1)
        state.job_is(job, "Failed", job_reason, "jobset failed")

    with pytest.raises(AffektError) as caught:
        followed(*started(program))
    assert caught.value.code == expected
    if expected == "process_died":
        assert "node 1: Fatal Python error" in caught.value.message


def test_a_job_that_fails_without_pods_says_what_trainer_says(started):
    def program(state: State, job: dict[str, Any]) -> None:
        state.job_is(job, "Failed", "TrainingRuntimeNotSupported", "there is no torch-distributed")

    with pytest.raises(AffektError, match="there is no torch-distributed") as caught:
        followed(*started(program))
    assert caught.value.code == "trainjob_failed"


def test_a_job_that_somebody_deletes_is_an_error(started):
    def program(state: State, job: dict[str, Any]) -> None:
        state.jobs.clear()

    with pytest.raises(AffektError) as caught:
        followed(*started(program))
    assert caught.value.code == "trainjob_deleted"


def test_why_a_node_waits_is_said_once(started, caplog):
    def program(state: State, job: dict[str, Any]) -> None:
        first = state.pod(job, 0)
        for _ in range(3):
            state.waits(first, "Unschedulable", "0/3 nodes have 4 nvidia.com/gpu")
            time.sleep(0.1)
        state.runs(first)
        state.ends(first)
        state.job_is(job, "Complete")

    with caplog.at_level(logging.INFO, "affekt"):
        followed(*started(program))
    assert caplog.messages.count("node 0 waits: Unschedulable: 0/3 nodes have 4 nvidia.com/gpu") == 1


@pytest.mark.parametrize(
    ("status", "word"), [(401, "token"), (403, "role.yaml"), (404, "not installed"), (422, "a fault of the test")]
)
def test_what_the_api_refuses_is_one_sentence(started, status, word):
    state, cluster = started(trains_well)
    state.faults = [Fault("POST", "trainjobs", status)]
    with pytest.raises(AffektError, match=word) as caught:
        cluster.create(manifest())
    assert caught.value.code == "cluster_refused"


def test_a_right_that_is_taken_away_meanwhile_ends_the_step(started):
    state, cluster = started(trains_well)
    state.allowed -= {("get", "pods/log")}
    with pytest.raises(AffektError, match="may not get pods/log"):
        followed(state, cluster)


def test_unknown_fields_are_refused_and_not_dropped(started):
    _, cluster = started(trains_well)
    job = manifest()
    job["spec"]["priority"] = 3
    with pytest.raises(AffektError, match=r"unknown field .spec.priority"):
        cluster.create(job)


def test_a_name_that_is_taken_is_told(started):
    _, cluster = started(lambda state, job: None)
    cluster.create(manifest())
    with pytest.raises(AlreadyThereError):
        cluster.create(manifest())


def test_without_a_cluster_it_is_said_what_such_a_profile_is_for(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(AffektError, match="Kubeflow Pipelines") as caught:
        connect(Owner())
    assert caught.value.code == "no_cluster"
