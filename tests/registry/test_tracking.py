"""Runs in MLflow: a parent, its children, what they hold, and how they end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from affekt.errors import AffektError
from affekt.registry import Tracking, close_job, name_failed, open_job

REPOSITORY = Path(__file__).resolve().parents[2]


def runs(tracking):
    """By name, without the time in that of a parent."""
    found = tracking.client.search_runs([tracking.experiment_id])
    return {run.info.run_name.split(" ")[0]: run for run in found}


def test_a_child_lies_below_its_parent(tracking):
    parent = tracking.start_parent("weekly", {"seed": 3}, {"affekt.code": "abc"})
    with tracking.child(parent, "vgg"):
        pass
    tracking.finish(parent)
    found = runs(tracking)
    assert found["vgg"].data.tags["mlflow.parentRunId"] == parent
    assert found["weekly"].data.params == {"seed": "3"}
    assert found["weekly"].data.tags["affekt.code"] == "abc"
    assert {run.info.status for run in found.values()} == {"FINISHED"}


def test_figures_keep_their_steps(tracking):
    parent = tracking.start_parent("weekly")
    with tracking.child(parent, "vgg") as run:
        for step in range(450):  # more than one batch
            run.log({"loss": 1 / (step + 1), "learning_rate": 0.1}, step)
    history = tracking.client.get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(step, 1 / (step + 1)) for step in range(450)]


def test_more_parameters_than_one_call_takes_are_all_kept(tracking):
    with tracking.child(tracking.start_parent("weekly"), "vgg") as run:
        run.params({f"key{number}": number for number in range(230)})
    assert len(tracking.client.get_run(run.run_id).data.params) == 230


def test_files_and_folders_are_kept(tracking, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.html").write_text("<p>")
    (tmp_path / "scores.csv").write_text("clip")
    with tracking.child(tracking.start_parent("weekly"), "fusion") as run:
        run.artifacts(folder)
        run.artifact(tmp_path / "scores.csv", "tables")
    kept = {item.path for item in tracking.client.list_artifacts(run.run_id)}
    assert kept == {"report.html", "tables"}
    assert [item.path for item in tracking.client.list_artifacts(run.run_id, "tables")] == ["tables/scores.csv"]


def test_a_child_that_raises_is_failed_and_says_why(tracking):
    parent = tracking.start_parent("weekly")
    with pytest.raises(ValueError, match="exploded"), tracking.child(parent, "vgg") as run:
        run.log({"loss": 7.0}, 1)
        raise ValueError("the loss exploded")
    found = runs(tracking)["vgg"]
    assert found.info.status == "FAILED"
    assert found.data.tags["error"] == "ValueError: the loss exploded"
    assert found.data.metrics == {"loss": 7.0}


def test_a_job_is_closed_with_the_children_that_a_dead_step_left_open(tracking):
    parent = tracking.start_parent("weekly", tags={"affekt.job": "job-1"})
    other = tracking.start_parent("other", tags={"affekt.job": "job-2"})
    dead = tracking.child(parent, "vgg")
    dead.__enter__()
    assert parent in close_job(tracking, "job-1", "FAILED")
    found = runs(tracking)
    assert (found["weekly"].info.status, found["vgg"].info.status) == ("FAILED", "FAILED")
    assert tracking.client.get_run(other).info.status == "RUNNING"
    assert close_job(tracking, "job-3", "FAILED") == "no MLflow run was opened"


def test_a_step_that_died_before_it_could_say_so_is_named(tracking):
    parent = open_job(tracking, "weekly", "job-1", {}, {})
    tracking.start_child(parent, "vgg")
    with pytest.raises(ValueError), tracking.child(parent, "svc"):
        raise ValueError("its own word")
    close_job(tracking, "job-1", "FAILED")
    for step in ("vgg", "svc", "prepare[0/2]"):
        name_failed(tracking, "job-1", step, "was killed")
    found = runs(tracking)
    assert {found[step].info.status for step in ("vgg", "svc", "prepare[0/2]")} == {"FAILED"}
    said = {step: found[step].data.tags["error"] for step in ("vgg", "svc", "prepare[0/2]")}
    assert said == {"vgg": "was killed", "svc": "ValueError: its own word", "prepare[0/2]": "was killed"}
    assert len(found) == 4
    name_failed(tracking, "another job", "vgg", "was killed")
    assert len(runs(tracking)) == 4


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (BrokenPipeError, "KILLED")]
)
def test_a_step_to_which_nobody_listens_is_killed_and_has_not_failed(tracking, error, status):
    with pytest.raises(error), tracking.child(tracking.start_parent("weekly"), "vgg"):
        raise error
    assert runs(tracking)["vgg"].info.status == status


def test_a_killed_job_is_killed_with_its_children(tracking):
    parent = tracking.start_parent("weekly", tags={"affekt.job": "job-1"})
    tracking.child(parent, "vgg").__enter__()
    close_job(tracking, "job-1", "CANCELED")
    assert {run.info.status for run in runs(tracking).values()} == {"KILLED"}


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("COMPLETE", "FINISHED"),
        ("SUCCEEDED", "FINISHED"),
        ("CACHED", "FINISHED"),
        ("SKIPPED", "FINISHED"),
        ("FAILED", "FAILED"),
        ("ERROR", "FAILED"),
        ("CANCELED", "KILLED"),
        ("RUNNING", "FAILED"),
        ("", "FAILED"),
    ],
)
def test_every_backends_word_for_an_end_is_understood(tracking, state, status):
    run_id = open_job(tracking, "weekly", "job", {}, {})
    close_job(tracking, "job", state)
    assert tracking.client.get_run(run_id).info.status == status


def test_what_the_steps_left_decides_where_the_state_is_no_end(tracking):
    run_id = open_job(tracking, "weekly", "job", {}, {})
    tracking.client.set_tag(run_id, "affekt.promoted", "False")
    said = close_job(tracking, "job", "RUNNING")
    assert tracking.client.get_run(run_id).info.status == "FINISHED"
    assert "'RUNNING', which is no end" in said


def test_a_failure_keeps_the_backends_word(tracking):
    run_id = open_job(tracking, "weekly", "job", {}, {})
    close_job(tracking, "job", "FAILED", "the node was lost")
    assert tracking.client.get_run(run_id).data.tags["error"] == "the node was lost"


def test_a_second_try_of_the_first_step_opens_no_second_run(tracking):
    first = open_job(tracking, "weekly", "job", {"seed": 1}, {})
    tracking.finish(first, "FAILED")
    assert open_job(tracking, "weekly", "job", {"seed": 1}, {}) == first
    assert tracking.client.get_run(first).info.status == "RUNNING"
    assert open_job(tracking, "weekly", "another", {"seed": 1}, {}) != first


def test_a_pipeline_that_went_on_after_its_failure_is_finished_at_last(tracking):
    run_id = open_job(tracking, "weekly", "job", {}, {})
    close_job(tracking, "job", "FAILED")
    close_job(tracking, "job", "COMPLETE")
    assert tracking.client.get_run(run_id).info.status == "FINISHED"


def test_an_interrupted_run_is_not_called_failed_afterwards(tracking):
    run_id = open_job(tracking, "weekly", "job", {}, {})
    close_job(tracking, "job", "KILLED")
    close_job(tracking, "job", "FAILED")
    assert tracking.client.get_run(run_id).info.status == "KILLED"


def test_a_placeholder_that_no_backend_replaced_opens_no_run(tracking):
    with pytest.raises(AffektError) as caught:
        open_job(tracking, "weekly", "{{$.pipeline_job_uuid}}", {}, {})
    assert caught.value.code == "job_unresolved"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_a_child_that_is_interrupted_is_killed(tracking, interrupt):
    parent = tracking.start_parent("weekly")
    with pytest.raises(interrupt), tracking.child(parent, "vgg"):
        raise interrupt
    assert runs(tracking)["vgg"].info.status == "KILLED"


def test_a_run_is_named_after_its_time_and_its_main_figure(tracking):
    run_id = tracking.start_parent("weekly")

    def name():
        return tracking.client.get_run(run_id).info.run_name

    assert re.fullmatch(r"weekly \d{4}-\d\d-\d\d \d\d:\d\d", name())
    opened = name()
    for figure in ("50.0%", "71.4% (60.2 to 80.9)"):  # a step may be tried again
        with tracking.run(run_id) as run:
            run.headline(figure)
    assert name() == f"{opened} · 71.4% (60.2 to 80.9)"


def test_the_experiment_is_of_the_kind_whose_runs_are_shown_first(tracking):
    def kind():
        return tracking.client.get_experiment(Tracking(home=tracking.home).experiment_id).tags["mlflow.experimentKind"]

    assert kind() == "custom_model_development"
    tracking.client.set_experiment_tag(tracking.experiment_id, "mlflow.experimentKind", "finetuning")
    assert kind() == "finetuning"  # whoever chose another keeps it


def test_an_experiment_from_before_gets_its_kind(tracking):
    made = tracking.client.create_experiment("older")
    assert Tracking(home=tracking.home, experiment="older").experiment_id == made
    assert tracking.client.get_experiment(made).tags["mlflow.experimentKind"] == "custom_model_development"


def test_artifacts_lie_beside_the_database(tmp_path, empty_database, tracking):
    by_uri = Tracking(tracking.uri)
    with by_uri.child(by_uri.start_parent("weekly"), "vgg") as run:
        pass
    location = by_uri.client.get_run(run.run_id).info.artifact_uri
    assert location.startswith((tracking.home / "mlartifacts").as_uri())


def test_the_address_comes_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert Tracking(home=tmp_path).uri == "http://127.0.0.1:1"


def test_a_server_that_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(AffektError, match="no MLflow server answers") as raised:
        Tracking("http://someone:secret@127.0.0.1:1", home=tmp_path).start_parent("weekly")
    assert raised.value.code == "tracking_unreachable"
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://ann:pw@host/mlflow", "https://***@host/mlflow"),
        ("postgresql://u:pw@db/x", "postgresql://***@db/x"),
        ("sqlite:////srv/week@7?/mlflow.db", "sqlite:////srv/week@7?/mlflow.db"),
    ],
)
def test_documents_hold_the_address_without_its_login(tmp_path, uri, shown):
    assert Tracking(uri, home=tmp_path).shown == shown


def test_a_deleted_experiment_is_restored(tracking):
    tracking.client.delete_experiment(tracking.experiment_id)
    again = Tracking(home=tracking.home)
    assert again.start_parent("weekly")


def test_importing_the_registry_does_not_import_mlflow():
    code = "import sys, affekt.registry; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY).returncode == 0


@pytest.mark.slow
def test_steps_that_start_together_share_one_new_database(tmp_path):
    code = (
        "import sys; from pathlib import Path; from affekt.registry import Tracking\n"
        "tracking = Tracking(home=Path(sys.argv[1]))\n"
        "with tracking.child(tracking.start_parent('weekly'), sys.argv[2]) as run:\n"
        "    for step in range(100): run.log({'loss': step}, step); run.flush()\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    steps = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), f"step{n}"], cwd=REPOSITORY, env=environment)
        for n in range(3)
    ]
    assert [step.wait() for step in steps] == [0, 0, 0]
    tracking = Tracking(home=tmp_path)
    found = [run for run in tracking.client.search_runs([tracking.experiment_id]) if "loss" in run.data.metrics]
    assert sorted(run.info.run_name for run in found) == ["step0", "step1", "step2"]
    assert {run.data.metrics["loss"] for run in found} == {99.0}
