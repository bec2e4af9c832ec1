"""Schedules in Kubeflow Pipelines, by kfp's own client against a strict stand-in on loopback."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from affekt.pipelines.cli import run

sys.path.insert(0, str(Path(__file__).parents[1] / "pipelines"))
from kubeflow import Fault, serving

FILE = """\
schedules:
  - {name: weekly, cron: 30 3 * * mon, time_zone: UTC, data: s3://bucket/clips, only: svc, runner: cluster}
  - {name: monthly, cron: 0 1 1 * *, time_zone: Etc/UTC, data: s3://b/all, only: svc, runner: cluster, enabled: false}
"""


@pytest.fixture
def api(monkeypatch, tmp_path):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    monkeypatch.setenv("AFFEKT_STORE", "s3://bucket/store")
    with serving() as server:
        monkeypatch.setenv("KFP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server


@pytest.fixture
def file(tmp_path, api) -> Path:
    path = tmp_path / "schedules.yaml"
    path.write_text(FILE)
    return path


def changes(capsys, *arguments: str) -> list[tuple[str, str]]:
    assert run(["schedule", *arguments, "--json"]) == 0
    places = json.loads(capsys.readouterr().out)["places"]
    return [(each["action"], each["name"]) for place in places for each in place["changes"]]


def kept(api) -> dict[str, dict]:
    return {each["display_name"]: each for each in api.recurring.values()}


def test_a_recurring_run_is_of_a_version_without_catch_up_one_at_a_time(api, file, capsys):
    assert changes(capsys, "plan", str(file)) == [("create", "weekly"), ("create", "monthly")]
    assert api.recurring == {}
    changes(capsys, "apply", str(file))
    weekly, monthly = kept(api)["affekt-weekly"], kept(api)["affekt-monthly"]
    assert weekly["trigger"]["cron_schedule"]["cron"] == "0 30 3 * * 1"
    assert (weekly["no_catchup"], weekly["max_concurrency"]) == (True, 1)
    assert weekly["runtime_config"]["parameters"]["data"] == "s3://bucket/clips"
    assert weekly["runtime_config"]["parameters"]["store"] == "s3://bucket/store"
    assert (weekly["mode"], monthly["mode"]) == ("ENABLE", "DISABLE")
    # Both train the same pipeline, which is there once.
    assert (len(api.pipelines), len(api.versions)) == (1, 1)


def test_the_same_file_changes_nothing_and_a_change_replaces(api, file, capsys):
    changes(capsys, "apply", str(file))
    before = set(api.recurring)
    assert changes(capsys, "apply", str(file)) == [("keep", "weekly"), ("keep", "monthly")]
    assert set(api.recurring) == before
    file.write_text(FILE.replace("30 3", "30 4").replace(", enabled: false", ""))
    assert changes(capsys, "apply", str(file)) == [("replace", "weekly"), ("resume", "monthly")]
    assert kept(api)["affekt-weekly"]["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * 1"
    assert kept(api)["affekt-monthly"]["mode"] == "ENABLE"
    assert len(api.recurring) == 2


def test_a_profile_that_changes_the_steps_is_another_version_of_the_pipeline(api, file, capsys):
    changes(capsys, "apply", str(file))
    (file.parent / "large.yaml").write_text("train-svc: {memory: 16Gi}\n")
    file.write_text(FILE.replace("only: svc, runner: cluster}", "only: svc, runner: cluster, profile: large.yaml}"))
    assert changes(capsys, "apply", str(file))[0] == ("replace", "weekly")
    assert (len(api.pipelines), len(api.versions)) == (1, 2)


def test_what_is_gone_stays_until_it_is_pruned_and_others_are_let_be(api, file, capsys):
    changes(capsys, "apply", str(file))
    api.recurring["theirs"] = {"recurring_run_id": "theirs", "display_name": "theirs", "mode": "ENABLE"}
    file.write_text("schedules: []\n")
    assert changes(capsys, "plan", str(file)) == []
    assert set(changes(capsys, "apply", str(file), "--prune")) == {("remove", "weekly"), ("remove", "monthly")}
    assert set(api.recurring) == {"theirs"}


def test_one_that_is_there_twice_is_made_one(api, file, capsys):
    changes(capsys, "apply", str(file))
    api.recurring["again"] = {**kept(api)["affekt-weekly"], "recurring_run_id": "again"}
    assert changes(capsys, "apply", str(file)) == [("replace", "weekly"), ("keep", "monthly")]
    assert len(api.recurring) == 2


def test_a_pause_holds_until_the_file_is_applied_again(api, file, capsys):
    changes(capsys, "apply", str(file))
    assert run(["schedule", "pause", str(file), "weekly"]) == 0
    capsys.readouterr()
    assert run(["schedule", "list", str(file), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["schedules"]}
    assert (rows["weekly"]["state"], rows["weekly"]["next"]) == ("paused", None)
    assert changes(capsys, "apply", str(file))[0] == ("resume", "weekly")


def test_a_start_beside_the_times_is_a_submission(api, file, capsys):
    assert run(["schedule", "run-now", str(file), "weekly"]) == 0
    assert "weekly: run " in capsys.readouterr().out
    assert len(api.runs) == 1


def test_another_clock_than_kubeflows_is_refused_by_name(api, file, capsys, monkeypatch):
    file.write_text(FILE.replace("time_zone: UTC", "time_zone: Europe/Berlin"))
    assert run(["schedule", "plan", str(file)]) == 1
    said = capsys.readouterr().err
    assert "weekly: recurring runs of Kubeflow have no time zone" in said
    assert "KFP_TIME_ZONE" in said
    file.write_text(FILE.replace("time_zone: UTC", "time_zone: Europe/Berlin").replace("Etc/UTC", "Europe/Vienna"))
    monkeypatch.setenv("KFP_TIME_ZONE", "Europe/Berlin")
    assert changes(capsys, "plan", str(file)) == [("create", "weekly"), ("create", "monthly")]


def test_what_a_lost_answer_left_behind_is_found_by_the_next_time(api, file, capsys):
    api.faults.append(Fault("POST", "/recurringruns", 0))
    api.accept_first = True
    assert run(["schedule", "apply", str(file)]) == 1
    capsys.readouterr()
    assert sorted(kept(api)) == ["affekt-weekly"]
    api.accept_first = False
    assert changes(capsys, "apply", str(file)) == [("keep", "weekly"), ("create", "monthly")]
    assert sorted(kept(api)) == ["affekt-monthly", "affekt-weekly"]
    assert len(api.recurring) == 2


def test_what_makes_a_start_worth_while_and_who_hears_are_arguments_of_another_version(api, file, capsys):
    changes(capsys, "apply", str(file))
    lines = "when: {new_clips: 5}, notify: {slack: $AFFEKT_SLACK, results: [failed]}"
    file.write_text(FILE.replace("runner: cluster}", f"runner: cluster, {lines}}}", 1))
    assert changes(capsys, "apply", str(file)) == [("replace", "weekly"), ("keep", "monthly")]
    given = kept(api)["affekt-weekly"]["runtime_config"]["parameters"]
    assert json.loads(given["when"]) == {"new_clips": 5}
    told = json.loads(given["notify"])
    assert (told["schedule"], told["slack"], told["results"]) == ("weekly", "$AFFEKT_SLACK", ["failed"])
    assert json.loads(given["settings"])["leave_out_unlabelled"] is True
    assert len(api.versions) == 2
    assert changes(capsys, "apply", str(file)) == [("keep", "weekly"), ("keep", "monthly")]


def test_an_address_that_is_written_out_is_refused(api, file, capsys):
    line = "notify: {slack: 'https://hooks.example/secret'}"
    file.write_text(FILE.replace("runner: cluster}", f"runner: cluster, {line}}}", 1))
    assert run(["schedule", "plan", str(file)]) == 1
    assert "write slack: $AFFEKT_SLACK" in capsys.readouterr().err
