"""Every component as a task of KFP's local runner: in a process of its own, with the artifacts it promises."""

from __future__ import annotations

import pytest

PROMISED = {
    "ingest": ["clips"],
    "collect": ["prepared", "counts"],
    "prepare-faces": ["face_set"],
    "train-vgg": ["model"],
    "train-c3d": ["model"],
    "train-bilstm": ["model"],
    "train-joint": ["model"],
    "train-random-forest": ["model"],
    "train-svc": ["model"],
    "fit-fusion": ["ensemble", "scores"],
    "evaluate": ["evaluation", "report"],
    "gate": ["decision", "report"],
}


@pytest.mark.parametrize(("task", "name"), [(task, name) for task, names in PROMISED.items() for name in names])
def test_a_task_leaves_its_artifact(pipeline_run, task, name):
    if name == "counts":  # metrics live in the task's metadata, not in a file
        assert "clips_prepared" in (pipeline_run.artifact(task, "executor_output.json")).read_text(encoding="utf-8")
        return
    path = pipeline_run.artifact(task, name)
    assert path.stat().st_size > 0 if path.is_file() else any(path.iterdir())


@pytest.mark.parametrize("task", ["prepare-shard", "plan-shards", "register", "finish"])
def test_a_task_without_files_ended_well(pipeline_run, task):
    assert list((pipeline_run.home / "run" / "artifacts").rglob(f"{task}/executor_output.json"))


@pytest.mark.parametrize(
    "member", ["train-vgg", "train-c3d", "train-bilstm", "train-joint", "train-random-forest", "train-svc"]
)
def test_a_member_leaves_its_score_table(pipeline_run, member):
    header = (pipeline_run.artifact(member, "model") / "scores.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("clip,label,subject,split,")
