"""Steps in containers: what they can see, and what a missing engine or image says; with an engine, a whole run."""

from __future__ import annotations

import inspect
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from affekt.components.image import IMAGE
from affekt.errors import AffektError
from affekt.events import Event
from affekt.pipelines.container_owner import LABEL, remove_abandoned
from affekt.pipelines.containers import check_image, engine, folders_of
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.kfp_adapter import _lines
from affekt.pipelines.run import run_training
from affekt.pipelines.runners import Containers, runner_named
from affekt.settings import load_settings

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))
from shared_killed import Training

FEW = ("svc.c_candidates=[0.1]", "fusion.folds=2", "evaluation.bootstrap=100")


@pytest.fixture
def clips(tmp_path) -> Path:
    """A folder that is a data set as far as names go; nothing in it is decoded here."""
    for label in ("happy", "sad"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        (tmp_path / "clips" / label / "one.mp4").touch()
    return (tmp_path / "clips").resolve()


def test_docker_means_containers_of_the_default_image():
    assert runner_named("docker") == Containers(IMAGE)


def test_without_an_engine_the_error_says_what_to_do(monkeypatch, tmp_path, clips):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    job = TrainingJob(str(clips), load_settings("small"), models=("svc",))
    with pytest.raises(AffektError, match="DOCKER_HOST") as caught:
        run_training(job, say=lambda event: None, runner=Containers())
    assert caught.value.code == "no_engine"


def test_containers_see_the_data_set(clips):
    assert folders_of(str(clips), "", load_settings("small")) == [clips]


def test_containers_see_clips_that_lie_elsewhere(clips, tmp_path):
    table = tmp_path / "table" / "clips.csv"
    table.parent.mkdir()
    table.write_text(f"path,label,subject,split\n{clips / 'sad' / 'one.mp4'},sad,a,train\n", encoding="utf-8")
    assert folders_of(str(table), "", load_settings("small")) == [clips / "sad", table.parent.resolve()]


def test_containers_see_files_that_settings_name(clips, tmp_path):
    weights = tmp_path / "weights" / "start.pth"
    weights.parent.mkdir()
    weights.touch()
    settings = load_settings("small", (f"vgg.pretrained={weights}",))
    assert folders_of(str(clips), "", settings) == [clips, weights.parent.resolve()]


def test_a_folder_below_another_is_not_named_twice(clips):
    assert folders_of(str(clips), str(clips / "sad"), load_settings("small")) == [clips]


def test_kfp_still_starts_containers_by_the_function_that_is_replaced():
    from kfp.local import docker_task_handler

    assert list(inspect.signature(docker_task_handler.run_docker_container).parameters) == [
        "client", "image", "command", "volumes", "container_run_args",
    ]  # fmt: skip


def test_output_in_pieces_is_read_as_lines():
    assert list(_lines([b"affekt: a: do", b"ne\naff", b"ekt: b", b"\nlast"])) == [
        "affekt: a: done", "affekt: b", "last",
    ]  # fmt: skip


@pytest.fixture
def image() -> str:
    """The image of the steps; skips where there is no engine, or none that has it."""
    try:
        check_image(IMAGE)
        return IMAGE
    except AffektError as error:
        pytest.skip(str(error))


@pytest.mark.slow
def test_an_image_that_is_not_there_names_the_command_that_builds_it(image):
    with pytest.raises(AffektError, match=r"docker build -f infra/docker/Dockerfile -t affekt:none \."):
        check_image("affekt:none")


@pytest.mark.slow
def test_a_training_run_in_containers_registers_its_ensemble(image, monkeypatch, tmp_path, sample_clips):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    lines: list[Event] = []
    job = TrainingJob(str(sample_clips), load_settings("small", FEW), models=("svc",), name="contained")
    outcome = run_training(job, say=lines.append, runner=Containers())
    assert (outcome.name, outcome.version) == ("contained", 1)
    assert outcome.report.is_file()
    assert {"ingest", "prepare", "svc", "fusion", "gate", "finish"} <= set(outcome.steps)
    # What the containers wrote belongs to the person who started them.
    assert {path.stat().st_uid for path in tmp_path.rglob("*")} == {os.getuid()}


@pytest.mark.slow
def test_a_failing_step_in_a_container_gives_its_own_error(image, monkeypatch, tmp_path, clips):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    for path in clips.rglob("*.mp4"):
        path.write_bytes(b"no clip")
    job = TrainingJob(str(clips), load_settings("small", FEW), models=("svc",))
    with pytest.raises(AffektError, match=r"pipeline\.log") as caught:
        run_training(job, say=lambda event: None, runner=Containers())
    assert caught.value.code == "too_many_skipped"
    assert "clips" in caught.value.message


#: A command with a container that would run for a minute.
COMMAND = """
import sys, time
from affekt import owner
from affekt.pipelines.container_owner import LABEL, ended_with_us
from affekt.pipelines.containers import engine
mine = {LABEL: owner.this_process()}
with engine() as client, ended_with_us():
    client.containers.run(sys.argv[1], ["sleep", "60"], detach=True, labels=mine, network_mode="host")
    print("started", flush=True)
    time.sleep(60)
"""


def containers() -> set[str]:
    """Names of the containers that commands started."""
    with engine() as client:
        return {str(each.name) for each in client.containers.list(all=True, filters={"label": LABEL})}


@pytest.fixture
def command(image):
    """A command with a container, the name of which comes with it."""
    before = containers()
    running = subprocess.Popen([sys.executable, "-c", COMMAND, image], stdout=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stdout.readline() == b"started\n"
    (name,) = containers() - before
    yield running, name
    running.kill()
    running.communicate()


def gone(name: str, seconds: float = 30.0) -> bool:
    until = time.monotonic() + seconds
    while name in containers() and time.monotonic() < until:
        time.sleep(0.2)
    return name not in containers()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_containers_end_with_their_command_whatever_ends_it(command, number):
    running, name = command
    running.send_signal(number)
    running.wait()
    assert gone(name)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_training_in_containers_that_is_killed_leaves_none_and_is_gone_on_with(image, tmp_path, sample_clips):
    before = containers()
    training = Training(tmp_path / "home", sample_clips, "--only=svc", "--runner=docker")
    training.killed_when(lambda log: "affekt: plan_shards: done" in log)
    until = time.monotonic() + 60
    while containers() - before and time.monotonic() < until:
        time.sleep(0.5)
    assert containers() <= before
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert "was left open by a process that is gone: closed" in done.stderr
    assert training.log().count("affekt: ingest: done in") == 1
    assert json.loads(done.stdout)["version"] == 1
    assert "RUNNING" not in training.states()


@pytest.mark.slow
def test_the_next_start_removes_containers_of_a_command_that_was_killed_with_all_around_it(command):
    running, name = command
    watch = psutil.Process(running.pid).children()
    for process in (*watch, running):
        process.kill()
    running.wait()
    with engine() as client:
        (said,) = remove_abandoned(client)
    assert said == f"the container {name} was left by a process that is gone: removed"
    assert name not in containers()
