"""A protocol on the real pipeline: two folds with one audio model, interrupted after the first and taken up again."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from affekt.events import Event, plain
from affekt.pipelines.cli import run
from affekt.pipelines.job import TrainingJob
from affekt.pipelines.protocols import ProtocolOutcome, run_protocol
from affekt.registry import Tracking, list_models
from affekt.score_table import ScoreTable
from affekt.settings import load_settings

pytestmark = pytest.mark.slow  # two whole trainings


@dataclass(frozen=True)
class Taken:
    """A protocol that was stopped when its second fold began, and then run to its end."""

    home: Path
    data: Path
    job: TrainingJob
    stopped: list[Event]
    lines: list[Event]
    outcome: ProtocolOutcome


@pytest.fixture(scope="module")
def taken(tmp_path_factory, four_subjects, tiny_settings) -> Taken:
    home = tmp_path_factory.mktemp("protocol")
    job = TrainingJob(str(four_subjects), tiny_settings, models=("svc",), name="voice")
    stopped: list[Event] = []
    lines: list[Event] = []

    def stop(event: Event) -> None:
        stopped.append(event)
        if event.step == "fold 2/2":
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFFEKT_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with pytest.raises(KeyboardInterrupt):
            run_protocol(job, "folds:2", say=stop)
        outcome = run_protocol(job, "folds:2", say=lines.append)
    return Taken(home, four_subjects, job, stopped, lines, outcome)


@pytest.fixture
def place(taken, monkeypatch):
    """The state folder of the protocol's run."""
    monkeypatch.setenv("AFFEKT_HOME", str(taken.home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return taken


def test_every_clip_is_in_the_pooled_scores_once(taken):
    table = ScoreTable.read(taken.outcome.folder / "scores.csv")
    with taken.data.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(table) == len(set(table.clips)) == len(rows) == 12
    assert sorted(table.subjects) == sorted(row["subject"] for row in rows)
    assert table.models == ("svc",)


def test_the_fusions_answer_for_the_same_clips(taken):
    fused = ScoreTable.read(taken.outcome.folder / "fused.csv")
    assert fused.clips == ScoreTable.read(taken.outcome.folder / "scores.csv").clips
    assert {"average", "svm", "stacking"} <= set(fused.models)


def test_a_run_that_was_stopped_goes_on_with_the_folds_that_are_missing(taken):
    assert taken.outcome.reused == 1
    assert sum(event.step == "svc" and "fitting" in plain(event) for event in taken.stopped) == 1
    assert sum(event.step == "svc" and "fitting" in plain(event) for event in taken.lines) == 1


def test_the_pooled_accuracy_is_that_of_the_folds_weighted_by_their_clips(taken):
    found = taken.outcome.to_dict()
    right = sum(fold["accuracy"] * fold["clips"] for fold in found["folds"])
    assert found["accuracy"] == pytest.approx(right / 12)
    assert found["clips"] == sum(fold["clips"] for fold in found["folds"]) == 12
    assert found["mean_of_folds"]["accuracy"] == pytest.approx(sum(fold["accuracy"] for fold in found["folds"]) / 2)


def test_the_document_names_who_was_held_out(taken):
    folds = taken.outcome.to_dict()["folds"]
    assert sorted(name for fold in folds for name in fold["held_out"]) == ["ann", "bob", "cid", "dee"]
    assert all(Path(fold["report"]).is_file() and set(fold["models"]) == {"svc"} for fold in folds)


def test_the_document_is_plain_json_with_intervals(taken):
    found = json.loads(json.dumps(taken.outcome.to_dict()))
    low, high = found["accuracy_ci95"]
    assert low <= found["accuracy"] <= high
    assert found["protocol"] == "folds:2"
    assert found["registered"] is False


def test_the_report_has_a_row_for_each_fold(taken):
    page = taken.outcome.report.read_text(encoding="utf-8")
    assert 'id="folds"' in page
    assert all(text in page for text in ("fold 1 of 2", "fold 2 of 2", "Mean of the folds"))


def test_the_folds_runs_are_below_the_protocols_in_mlflow(place):
    tracking = Tracking()
    runs = {run.info.run_id: run for run in tracking.client.search_runs([tracking.experiment_id])}
    parents = [key for key, found in runs.items() if "mlflow.parentRunId" not in found.data.tags]
    assert parents == [place.outcome.run_id]
    below = {key for key, found in runs.items() if found.data.tags.get("mlflow.parentRunId") == parents[0]}
    assert {fold["run_id"] for fold in place.outcome.to_dict()["folds"]} == below
    assert runs[parents[0]].info.status == "FINISHED"
    assert runs[parents[0]].data.metrics["accuracy"] == pytest.approx(place.outcome.to_dict()["accuracy"])


def test_the_adapted_figures_are_told_beside_the_others(place):
    found = place.outcome.to_dict()
    metrics = Tracking().client.get_run(place.outcome.run_id).data.metrics
    assert set(found["person"]["methods"]) == set(found["fusion"])
    for method, values in found["person"]["methods"].items():
        assert metrics[f"accuracy_person_{method}"] == pytest.approx(values["accuracy"])
        assert values["paired"]["accuracy_a"] == pytest.approx(metrics[f"accuracy_fusion_{method}"])
    assert not [name for name in metrics if "~" in name]


def test_nothing_is_registered(place):
    assert list_models(Tracking()) == []


def test_the_folds_models_are_not_kept(taken):
    assert not list(taken.outcome.folder.rglob("*.safetensors"))


def test_the_command_prints_one_document_from_the_folds_that_are_there(place, tiny_settings, capsys):
    # The same settings, as a person would give them.
    usual = load_settings("small").flat()
    changed = {key: value for key, value in tiny_settings.flat().items() if value != usual[key]}
    overrides = [part for key, value in changed.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    arguments = ["train", str(place.data), "--only", "svc", "--name", "voice", "--protocol", "folds:2", "--json"]
    assert run([*arguments, *overrides]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folds_reused"] == 2
    assert {**found, "seconds": 0, "folds_reused": 0} == {
        **json.loads(json.dumps(place.outcome.to_dict())),
        "seconds": 0,
        "folds_reused": 0,
    }
