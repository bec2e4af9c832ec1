"""A step that trains on several nodes: what it hands over, fetches and removes; two nodes come to what one does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from affekt import patience, storage
from affekt.errors import AffektError
from affekt.score_table import ScoreTable
from affekt.steps import nodes_followed
from affekt.steps.train_member import launch
from affekt.steps.train_on_nodes import train_on_nodes
from affekt.steps.training_job import Job
from affekt.store.entries import Store
from affekt.trainjob import VARIABLE, NodePlace
from tests.steps.test_train_member import job as small_job
from tests.steps.test_train_member import prepared, settings
from tests.storage.conftest import bucket, s3_service
from tests.trainjob.kubernetes_api import NAMESPACE, Fault, State, serving
from tests.trainjob.test_manifest import place

__all__ = ["bucket", "prepared", "s3_service"]

Program = Callable[[State, dict[str, Any]], None]
Start = Callable[[Program], State]


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a cluster with a program."""
    monkeypatch.setattr(nodes_followed, "POLL", 1.0)
    monkeypatch.setattr(nodes_followed, "SETTLE", 0.6)
    monkeypatch.setattr(patience, "_PAUSES", (0.05,))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AFFEKT_POD_NAMESPACE", NAMESPACE)
    with ExitStack() as stack:
        yield lambda program: stack.enter_context(serving(program, tmp_path / "kubeconfig"))


def nodes(**changes: Any) -> NodePlace:
    return place(gpus=0, cpu="2", **changes)


def job(prepared: Path, bucket: str, out: Path) -> Job:
    """Of a small data set whose prepared clips lie in the bucket."""
    plain = small_job(prepared, out, settings("device=cpu", "c3d.iterations=2"))
    Store(prepared / "store", settings().media).pack()  # nodes read shards
    storage.upload_folder(prepared / "store", f"{bucket}/store")
    return Job(**{**plain.__dict__, "store": f"{bucket}/store", "checkpoints": f"{bucket}/store/checkpoints"})


def job_of(manifest: dict[str, Any]) -> Job:
    return Job(**json.loads(storage.read_bytes(manifest["spec"]["trainer"]["args"][-1])))


def writes_a_result(state: State, manifest: dict[str, Any]) -> None:
    """Nodes that train nothing and are complete."""
    theirs = job_of(manifest)
    assert storage.exists(storage.join(theirs.prepared, "index.csv"))
    storage.write_bytes(storage.join(theirs.out, "deep/model"), b"weights")
    pod = state.pod(manifest, 0)
    state.runs(pod)
    state.ends(pod)
    state.job_is(manifest, "Complete")


def waits_to_be_stopped(state: State, manifest: dict[str, Any]) -> None:
    state.runs(state.pod(manifest, 0))


def test_the_result_is_fetched_and_nothing_stays(started, prepared, bucket, tmp_path):
    state = started(writes_a_result)
    train_on_nodes(job(prepared, bucket, tmp_path / "out"), nodes())
    assert (tmp_path / "out" / "deep" / "model").read_bytes() == b"weights"
    assert (state.jobs, len(state.deleted)) == ({}, 1)
    assert not storage.exists(f"{bucket}/store/handover")


def test_an_answer_that_is_lost_starts_one_job(started, prepared, bucket, tmp_path):
    state = started(writes_a_result)
    state.faults = [Fault("POST", "trainjobs", 0, after=True)]
    train_on_nodes(job(prepared, bucket, tmp_path / "out"), nodes())
    assert len(state.created) == 1


def test_what_an_earlier_try_left_is_removed_first(started, prepared, bucket, tmp_path):
    state = started(writes_a_result)
    state.delete, kept = (lambda name: None), state.delete  # the step is killed, and can remove nothing
    train_on_nodes(job(prepared, bucket, tmp_path / "first"), nodes())
    state.delete = kept
    assert len(state.jobs) == 1
    again = job(prepared, bucket, tmp_path / "first")
    train_on_nodes(Job(**{**again.__dict__, "out": str(tmp_path / "first")}), nodes())
    assert (len(state.created), len(state.deleted), state.jobs) == (2, 2, {})


def test_a_job_that_nobody_of_affekt_made_is_left_alone(started, prepared, bucket, tmp_path):
    state = started(writes_a_result)
    given = job(prepared, bucket, tmp_path / "out")
    train_on_nodes(given, nodes())
    other = state.created[0]
    other["metadata"]["labels"] = {}
    state.jobs[other["metadata"]["name"]] = other
    with pytest.raises(AffektError) as caught:
        train_on_nodes(given, nodes())
    assert caught.value.code == "trainjob_exists"
    assert len(state.jobs) == 1


def test_a_failure_removes_the_job_too(started, prepared, bucket, tmp_path):
    def program(state: State, manifest: dict[str, Any]) -> None:
        pod = state.pod(manifest, 0)
        state.runs(pod)
        state.is_taken(pod, "EvictionByEvictionAPI", "drained")

    state = started(program)
    with pytest.raises(AffektError) as caught:
        train_on_nodes(job(prepared, bucket, tmp_path / "out"), nodes())
    assert (caught.value.code, state.jobs) == ("preempted", {})
    assert not (tmp_path / "out").exists()


def test_a_step_that_is_told_to_stop_removes_the_job(started, prepared, bucket, tmp_path):
    state = started(waits_to_be_stopped)

    def stop() -> None:
        while ("get", "pods/log") not in state.requests:
            threading.Event().wait(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(SystemExit) as ended:
        train_on_nodes(job(prepared, bucket, tmp_path / "out"), nodes())
    assert (ended.value.code, state.jobs, len(state.deleted)) == (128 + signal.SIGTERM, {}, 1)


def test_processes_that_cannot_share_a_batch_start_no_job(started, prepared, bucket, tmp_path):
    state = started(writes_a_result)
    with pytest.raises(AffektError) as caught:
        train_on_nodes(job(prepared, bucket, tmp_path / "out"), nodes(nodes=3))
    assert (caught.value.code, state.created) == ("uneven_processes", [])


def test_a_store_of_this_machine_is_refused(started, prepared, tmp_path):
    with pytest.raises(AffektError) as caught:
        train_on_nodes(small_job(prepared, tmp_path / "out", settings()), nodes())
    assert caught.value.code == "not_remote"


def really_trains(state: State, manifest: dict[str, Any]) -> None:
    """What Trainer makes of a TrainJob: torchrun on each node, told of the others by PET_*; here on one machine."""
    trainer = manifest["spec"]["trainer"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {each["name"]: each["value"] for each in trainer["env"] if "value" in each}
    running = []
    for number in range(trainer["numNodes"]):
        told = {
            "PET_NNODES": str(trainer["numNodes"]),
            "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
            "PET_NODE_RANK": str(number),
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
        }
        command = [sys.executable, *trainer["command"][1:], *trainer["args"]]
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, **told},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        pod = state.pod(manifest, number)
        state.runs(pod)
        running.append((process, pod, threading.Thread(target=_told, args=(state, pod, process), daemon=True)))
        running[-1][2].start()
    codes = [process.wait() for process, _, _ in running]
    for _, _, thread in running:
        thread.join()
    state.job_is(manifest, "Failed" if any(codes) else "Complete", "FailedJobs" if any(codes) else "")


def _told(state: State, pod: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        state.says(pod, line.rstrip("\n"))
    state.ends(pod, process.wait())


@pytest.mark.slow
def test_two_nodes_come_to_what_one_process_does(started, prepared, bucket, tmp_path, monkeypatch):
    given = job(prepared, bucket, tmp_path / "one")
    logged: dict[str, list[tuple[int, set[str]]]] = {"one": [], "two": []}
    launch(given, lambda values, step: logged["one"].append((step, set(values))))
    started(really_trains)
    monkeypatch.setenv(VARIABLE, nodes(environment={"OMP_NUM_THREADS": str(torch.get_num_threads())}).to_json())
    theirs = Job(**{**given.__dict__, "out": str(tmp_path / "two")})
    launch(theirs, lambda values, step: logged["two"].append((step, set(values))))
    one, two = (ScoreTable.read(tmp_path / name / "scores.csv") for name in ("one", "two"))
    assert one.clips == two.clips
    # Sums are rounded otherwise with another number of threads, and normalisations of two items make more of that.
    assert two.scores == pytest.approx(one.scores, abs=1e-5)
    assert logged["two"] == logged["one"]


@pytest.mark.slow
def test_an_error_of_a_real_node_is_the_steps(started, prepared, bucket, tmp_path):
    started(really_trains)
    given = job(prepared, bucket, tmp_path / "out")
    too_fast = settings(
        "device=cpu", "c3d.learning_rate=10", "c3d.warmup=0", "c3d.batch_norm=false", "c3d.iterations=40"
    )
    with pytest.raises(AffektError, match="choose a lower learning rate") as caught:
        train_on_nodes(Job(**{**given.__dict__, "settings": too_fast.to_json()}), nodes())
    assert caught.value.code == "diverged"
