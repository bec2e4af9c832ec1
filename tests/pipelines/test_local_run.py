"""The committed pipeline on the local runner: what a run leaves behind, and what a failing step says."""

from __future__ import annotations

import json

import pytest

from affekt.errors import AffektError
from affekt.pipelines.local import run_locally
from affekt.pipelines.placement import on_this_machine
from affekt.pipelines.training import training_pipeline
from affekt.registry import Tracking
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

STEPS = {
    "ingest", "plan_shards", "prepare[0/2]", "prepare[1/2]", "prepare", "faces", "vgg", "c3d", "bilstm",
    "joint", "random_forest", "svc", "fusion", "evaluation", "registration", "gate", "finish",
}  # fmt: skip


def test_every_step_says_how_long_it_took(pipeline_run):
    assert set(pipeline_run.run.steps) == STEPS


def test_what_kfp_prints_goes_to_the_log_and_not_to_the_person(pipeline_run):
    log = (pipeline_run.run.folder / "pipeline.log").read_text(encoding="utf-8")
    assert "Executing task" in log
    assert not any("Executing task" in text for _, text in pipeline_run.lines)


def test_the_run_has_a_child_run_for_every_model(pipeline_run):
    tracking = Tracking(pipeline_run.tracking_uri, home=pipeline_run.home)
    runs = tracking.client.search_runs([tracking.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    children = {run.info.run_name for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id}
    assert {"vgg", "c3d", "bilstm", "joint", "random_forest", "svc", "fusion", "evaluation", "gate"} <= children


def test_confusion_matrices_and_figure_7_are_pictures_in_mlflow(pipeline_run):
    tracking = Tracking(pipeline_run.tracking_uri)

    def pictures(step):
        (run,) = tracking.client.search_runs([tracking.experiment_id], f"tags.mlflow.runName = '{step}'")
        paths = [item.path for item in tracking.client.list_artifacts(run.info.run_id)]
        return sorted(path for path in paths if path.endswith(".png"))

    for member in ("vgg", "c3d", "bilstm", "joint", "random_forest", "svc"):
        assert pictures(member) == ["confusion-train.png", "confusion-val.png"]
    drawn = pictures("evaluation")
    assert sum("own picture" in name for name in drawn) == 7  # one a label
    assert any("on a face" in name for name in drawn)


def test_a_models_child_run_holds_its_settings(pipeline_run, tiny_settings):
    tracking = Tracking(pipeline_run.tracking_uri, home=pipeline_run.home)
    (run,) = tracking.client.search_runs([tracking.experiment_id], "tags.mlflow.runName = 'vgg'")
    assert run.data.params["iterations"] == str(tiny_settings.vgg.iterations)


def test_the_decision_names_the_registered_version(pipeline_run):
    decision = json.loads(pipeline_run.artifact("gate", "decision").read_text(encoding="utf-8"))
    assert (decision["name"], decision["version"]) == ("tiny", 1)
    assert decision["reasons"]


def test_shards_come_together_in_the_order_of_the_clips(pipeline_run):
    clips = pipeline_run.artifact("ingest", "clips").read_text(encoding="utf-8").splitlines()
    index = (pipeline_run.artifact("collect", "prepared") / "index.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in index] == [row.split(",")[0] for row in clips]


def test_a_second_run_prepares_nothing_again(pipeline_run, tmp_path, sample_clips, tiny_settings):
    # The store of the first run is full, so its files must not change.
    before = {path: path.stat().st_mtime_ns for path in (pipeline_run.home / "store").rglob("*") if path.is_file()}
    from affekt.dataset import load_clips
    from affekt.store.entries import Store
    from affekt.store.preparing import prepare_clips

    prepare_clips(load_clips(str(sample_clips)), Store(pipeline_run.home / "store", tiny_settings.media), workers=1)
    after = {path: path.stat().st_mtime_ns for path in (pipeline_run.home / "store").rglob("*") if path.is_file()}
    assert before == after


def test_a_failing_step_gives_its_own_error_and_names_the_log(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    pipeline = training_pipeline(("svc",), place=on_this_machine, parallel_shards=1)
    arguments = {"data": str(tmp_path / "none"), "settings": load_settings("small").to_json(), "store": str(tmp_path)}
    with pytest.raises(AffektError) as caught:
        run_locally(pipeline, arguments, tmp_path / "run", say=lambda step, text: None)
    assert str(tmp_path / "none") in str(caught.value)
    assert "pipeline.log" in str(caught.value)


def test_the_score_tables_of_training_clips_are_out_of_fold(pipeline_run):
    table = ScoreTable.read(pipeline_run.artifact("fit-fusion", "scores") / "scores.csv")
    assert set(table.splits) == {"train", "val"}
    assert table.models == ("vgg", "c3d", "bilstm", "joint", "random_forest", "svc")
