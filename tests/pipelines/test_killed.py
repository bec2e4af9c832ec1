"""A training whose command is killed: nothing lives on, and the next start closes what it left open and goes on."""

from __future__ import annotations

import csv
import json

import pytest
from shared_killed import Training

from affekt.registry import Tracking, promote
from tests.conftest import TINY


@pytest.mark.slow
@pytest.mark.parametrize(
    "point", ["affekt: plan_shards: done", "affekt: prepare: done", "affekt: fusion: done", "affekt: evaluation: done",
              "affekt: registration: done"]
)  # fmt: skip
def test_a_training_goes_on_from_wherever_it_was_killed(point, tmp_path, sample_clips):
    training = Training(tmp_path / "home", sample_clips, "--only=svc")
    training.killed_when(lambda log: point in log)
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    tracking = Tracking(home=training.home)
    assert len(tracking.client.search_model_versions("name = 'affekt'")) == 1
    assert "RUNNING" not in training.states()
    log = training.log()
    assert log.count("affekt: ingest: done in") == 1
    assert log.count("affekt: svc: done in") == 1


@pytest.mark.slow
def test_nobody_outlives_a_killed_command_and_the_next_start_closes_its_run(tmp_path, sample_clips):
    training = Training(tmp_path / "home", sample_clips, "--only=svc")
    training.killed_when(lambda log: "affekt: plan_shards: done" in log)
    assert training.states() >= {"RUNNING"}
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert "was left open by a process that is gone: closed" in done.stderr
    assert "1 step done" in done.stderr or "2 steps done" in done.stderr
    assert training.log().count("affekt: ingest: done in") == 1
    assert len(list((training.home / "runs").iterdir())) == 1
    assert "RUNNING" not in training.states()


@pytest.mark.slow
def test_between_registration_and_gate_a_start_that_asks_for_new_clips_goes_on_too(tmp_path, sample_clips):
    with (sample_clips / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    few = tmp_path / "few.csv"
    with few.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        left_out = next(row for row in rows if row["split"] == "train")
        writer.writerows({**row, "path": sample_clips / row["path"]} for row in rows if row is not left_out)
    first = Training(tmp_path / "home", few, "--only=svc")
    done = first.ends()
    assert done.returncode == 0, done.stderr
    tracking = Tracking(home=first.home)
    promote("affekt/1", tracking)
    training = Training(first.home, sample_clips, "--only=svc", "--when=new_clips=1")
    training.killed_when(lambda log: "affekt: registration: done" in log)
    done = training.ends()
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["version"], training.states() - {"RUNNING"}) == (2, training.states())
    assert json.loads(training.ends().stdout)["trains"] is False


#: What the log says before each kill: in the first step, in the preparation, in each of the six models, in the fusion,
#: in the evaluation, between registration and gate, and in the gate.
POINTS = (
    "'ingest'", "'prepare-shard'", "'train-vgg'", "'train-c3d'", "'train-bilstm'", "'train-joint'",
    "'train-random-forest'", "'train-svc'", "'fit-fusion'", "'evaluate'", "affekt: registration: done", "'gate'",
)  # fmt: skip


def reached(log, point):
    """Whether a start has come to a point, or an earlier one has been there: steps run side by side."""
    return point in log or f"affekt: {point.strip(chr(39))}: done by an earlier start" in log


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_six_models_are_the_same_after_a_training_that_is_killed_twelve_times(tmp_path, clips_and_faces):
    clips, faces = clips_and_faces
    settings = (*TINY, "gate.check_serving=false")
    whole, killed = (
        Training(tmp_path / name / "home", clips, f"--faces={faces}", settings=settings) for name in ("whole", "killed")
    )
    for training in (whole, killed):
        training.home.parent.mkdir()
    assert whole.ends().returncode == 0
    for point in POINTS:
        killed.killed_when(lambda log, point=point: reached(log, point), after=0.0 if "done" in point else 1.5)
    done = killed.ends()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
    assert killed.registered() == whole.registered()
    assert killed.states() == {"FINISHED", "KILLED"}
    # A kill between a step's last word and the end of its process makes that step run again; no other does.
    again = [step for step in whole.steps() if killed.steps().count(step) > 1]
    assert len(again) <= len(POINTS) // 2
    assert killed.checkpoints() == whole.checkpoints()
