"""The committed pipeline on the local runner: what a run leaves behind, and what a failing step says."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from affekt import events
from affekt.dataset import load_clips
from affekt.ensemble import Learned
from affekt.errors import DataError
from affekt.media import PreparedIndex
from affekt.pipelines.kfp_adapter import Failed
from affekt.pipelines.local import LocalRun, _Heard, run_locally
from affekt.pipelines.placement import on_this_machine
from affekt.pipelines.training import training_pipeline
from affekt.registry import Tracking
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

STEPS = {
    "ingest", "plan_shards", "prepare[0/2]", "prepare[1/2]", "prepare", "faces", "vgg", "c3d", "bilstm",
    "joint", "random_forest", "svc", "voice_embedding", "speech_embedding", "face_embedding", "base_embedding",
    "fusion", "evaluation", "registration", "gate", "finish",
}  # fmt: skip


def test_every_step_says_how_long_it_took(pipeline_run):
    assert set(pipeline_run.run.steps) == STEPS


def test_what_kfp_prints_goes_to_the_log_and_not_to_the_person(pipeline_run):
    log = (pipeline_run.run.folder / "pipeline.log").read_text(encoding="utf-8")
    assert "Executing task" in log
    assert not any("Executing task" in events.plain(event) for event in pipeline_run.lines)


def test_the_run_has_a_child_run_for_every_step(pipeline_run):
    tracking = Tracking(pipeline_run.tracking_uri, home=pipeline_run.home)
    runs = tracking.client.search_runs([tracking.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    children = {run.info.run_name for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id}
    # A shard's work stands in the child "prepare"; "finish" closes the parent.
    assert children == STEPS - {"prepare[0/2]", "prepare[1/2]", "finish"}


def test_the_parent_run_shows_figures_data_and_models(pipeline_run):
    tracking = Tracking(pipeline_run.tracking_uri, home=pipeline_run.home)
    (run,) = tracking.client.search_runs([tracking.experiment_id], "tags.`affekt.models` LIKE '%'")
    figures = json.loads((pipeline_run.artifact("evaluate", "evaluation") / "evaluation.json").read_text())
    low, high = figures["accuracy_ci95"]
    assert {name: run.data.metrics[name] for name in ("accuracy", "accuracy_low", "accuracy_high", "clips")} == {
        "accuracy": figures["accuracy"], "accuracy_low": low, "accuracy_high": high, "clips": 7
    }  # fmt: skip
    assert run.data.metrics["largest_class_share"] == figures["largest_class_share"]
    assert run.data.metrics["subjects"] == 1
    models = "vgg,c3d,bilstm,joint,random_forest,svc,voice_embedding,speech_embedding,base_embedding"
    assert run.data.tags["affekt.models"] == models
    shown = f"{100 * figures['accuracy']:.1f}% ({100 * low:.1f} to {100 * high:.1f})"
    assert re.fullmatch(rf"tiny \d{{4}}-\d\d-\d\d \d\d:\d\d · {re.escape(shown)}", run.info.run_name)
    (data,) = run.inputs.dataset_inputs
    assert (data.dataset.name, json.loads(data.dataset.profile)["splits"]) == ("clips", {"train": 14, "val": 7})


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


def test_the_version_says_its_size_and_no_times_of_a_server_that_the_gate_did_not_ask(pipeline_run):
    decision = json.loads(pipeline_run.artifact("gate", "decision").read_text(encoding="utf-8"))
    version = Tracking(pipeline_run.tracking_uri, home=pipeline_run.home).client.get_model_version("tiny", "1")
    assert not decision["promote"] and "serving" not in decision["figures"]
    assert not {"affekt.load_seconds", "affekt.latency_ms"} & version.tags.keys()
    assert int(version.tags["affekt.size_bytes"]) > 10_000


def test_the_version_knows_its_people_as_they_would_be_called_among_several_data_sets(pipeline_run, sample_clips):
    learned = Learned.read(pipeline_run.artifact("fit-fusion", "ensemble"))
    table = PreparedIndex.read(pipeline_run.artifact("collect", "prepared"))
    people = {row.subject: row.split == "train" for row in table}
    assert {name: learned.knows(f"{sample_clips.name}/{name}", "") for name in people} == people
    assert set(people.values()) == {True, False}


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


def test_the_log_is_for_people(pipeline_run):
    log = (pipeline_run.run.folder / "pipeline.log").read_text(encoding="utf-8").splitlines()
    assert "affekt: ingest: 21 clips, 7 labels, 21 subjects" in [re.sub(r"\d+ subjects", "21 subjects", x) for x in log]
    assert not any(events.read(line) for line in log)


@pytest.fixture(scope="module")
def refused(tmp_path_factory) -> tuple[Path, DataError, list[events.Event]]:
    """A run whose first step finds no data: the data's place, the error, and what was said."""
    home = tmp_path_factory.mktemp("refused")
    said: list[events.Event] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEKT_HOME", str(home))
        pipeline = training_pipeline(("svc",), place=on_this_machine, parallel_shards=1)
        settings = load_settings("small").to_json()
        arguments = {"data": str(home / "none"), "settings": settings, "store": str(home)}
        with pytest.raises(DataError) as caught:
            run_locally(pipeline, arguments, home / "run", say=said.append)
    return home / "none", caught.value, said


def test_the_error_of_a_step_keeps_kind_code_and_place(refused):
    place, error, _ = refused
    with pytest.raises(DataError) as caught:
        load_clips(str(place))
    assert (error.code, error.where) == (caught.value.code, caught.value.where)
    assert error.message.startswith(caught.value.message)


def test_a_failed_step_is_called_by_its_own_name_and_names_the_log(refused):
    place, error, _ = refused
    assert error.message.endswith(f"\n(step ingest; the whole log: {place.parent / 'run' / 'pipeline.log'})")


def test_steps_that_fail_side_by_side_are_each_named_with_their_own_last_error(tmp_path):
    heard = _Heard(io.StringIO(), LocalRun("job", tmp_path), lambda event: None)
    for task, found in (
        ("train-svc", events.Error("DataError", "empty", "holds no voice", "a.csv", "svc")),
        ("train-random-forest", events.Error("AffektError", "no_memory", "needs more memory", None, "random_forest")),
        ("train-vgg", events.Error("AffektError", "stopped", "was told to stop", None, "vgg")),
    ):
        line = io.StringIO()
        events.write(found, line)
        heard(task, line.getvalue())
    heard("train-c3d", "no space")
    tasks = [
        Failed("train-svc", 1),
        Failed("train-random-forest", 1),
        Failed("train-vgg", -15),
        Failed("train-c3d", -9),
    ]
    error = heard.error(tasks, tmp_path / "log")
    assert (type(error), error.code, error.where) == (DataError, "empty", "a.csv")
    assert error.message.splitlines() == [
        "holds no voice",
        "(step random_forest failed, too: needs more memory)",
        "(step train-c3d failed, too: was killed, as the system does where memory runs out; its last words:",
        "no space)",
        f"(step svc; the whole log: {tmp_path / 'log'})",
    ]


def test_what_closes_the_run_after_a_failure_is_not_taken_for_it(refused):
    _, _, said = refused
    assert [type(event).__name__ for event in said if event.step == "ingest"] == ["Error"]
    assert any(isinstance(event, events.Done) and event.step == "finish" for event in said)


@pytest.mark.parametrize("member", ["vgg", "c3d", "bilstm", "joint", "random_forest", "svc"])
def test_answers_of_steps_side_by_side_are_those_of_one_after_the_other(pipeline_run, tiny_run, member):
    alone = ScoreTable.read(tiny_run.members[member] / "scores.csv")
    beside = ScoreTable.read(pipeline_run.artifact(f"train-{member.replace('_', '-')}", "model") / "scores.csv")
    assert alone.clips == beside.clips
    assert np.array_equal(alone.scores, beside.scores, equal_nan=True)


def test_the_score_tables_of_training_clips_are_out_of_fold(pipeline_run):
    table = ScoreTable.read(pipeline_run.artifact("fit-fusion", "scores") / "scores.csv")
    assert set(table.splits) == {"train", "val"}
    models = [name for name in table.models if not name.endswith("_embedding")]  # whose encoders may not be here
    assert models == ["vgg", "c3d", "bilstm", "joint", "random_forest", "svc"]
