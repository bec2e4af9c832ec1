"""``affekt schedule`` on this machine: a plan before it acts, and the same file twice changes nothing."""

from __future__ import annotations

import json

import pytest

from affekt.pipelines.cli import run

FILE = """\
schedules:
  - {name: weekly, cron: 0 3 * * 1, time_zone: UTC, data: clips, only: svc}
  - {name: nightly, cron: 0 1 * * *, time_zone: UTC, data: clips, only: svc, enabled: false}
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    path = tmp_path / "schedules.yaml"
    path.write_text(FILE)
    return path


def changes(capsys, *arguments: str) -> list[tuple[str, str]]:
    assert run(["schedule", *arguments, "--json"]) == 0
    (place,) = json.loads(capsys.readouterr().out)["places"]
    return [(each["action"], each["name"]) for each in place["changes"]]


def listed(capsys, file) -> dict[str, str]:
    assert run(["schedule", "list", str(file), "--json"]) == 0
    return {row["name"]: row["state"] for row in json.loads(capsys.readouterr().out)["schedules"]}


def test_a_plan_changes_nothing(capsys, file):
    for _ in range(2):
        assert changes(capsys, "plan", str(file)) == [("create", "weekly"), ("create", "nightly")]
    assert set(listed(capsys, file).values()) == {"not applied"}


def test_a_file_that_was_applied_changes_nothing_again(capsys, file):
    changes(capsys, "apply", str(file))
    assert changes(capsys, "apply", str(file)) == [("keep", "weekly"), ("keep", "nightly")]
    assert listed(capsys, file) == {"weekly": "enabled", "nightly": "paused"}


def test_what_changed_is_replaced_and_what_is_gone_is_removed_when_told(capsys, file):
    changes(capsys, "apply", str(file))
    file.write_text(FILE.replace("0 3", "0 4").split("  - {name: nightly")[0])
    assert changes(capsys, "plan", str(file)) == [("replace", "weekly"), ("left", "nightly")]
    assert changes(capsys, "apply", str(file), "--prune") == [("replace", "weekly"), ("remove", "nightly")]
    assert changes(capsys, "plan", str(file), "--prune") == [("keep", "weekly")]


def test_a_paused_schedule_goes_on_when_the_file_is_applied(capsys, file):
    changes(capsys, "apply", str(file))
    assert run(["schedule", "pause", str(file), "weekly"]) == 0
    assert f"`affekt schedule apply {file}`" in capsys.readouterr().out
    assert listed(capsys, file)["weekly"] == "paused"
    assert changes(capsys, "apply", str(file))[0] == ("resume", "weekly")


def test_another_groups_schedules_are_left_alone(capsys, file):
    changes(capsys, "apply", str(file))
    file.write_text("group: other\nschedules: []\n")
    assert changes(capsys, "apply", str(file), "--prune") == []
    file.write_text("group: other\n" + FILE)
    assert run(["schedule", "plan", str(file)]) == 1
    assert "weekly (of affekt)" in capsys.readouterr().err


@pytest.mark.parametrize("action", ["run-now", "pause"])
def test_a_schedule_that_the_file_does_not_have_is_named(capsys, file, action):
    assert run(["schedule", action, str(file), "monthly"]) == 1
    assert "it has weekly, nightly" in capsys.readouterr().err


def test_a_wrong_file_applies_nothing(capsys, file):
    file.write_text(FILE + "  - {name: third}\n")
    assert run(["schedule", "apply", str(file)]) == 1
    assert "line 4" in capsys.readouterr().err
    file.write_text(FILE)
    assert set(listed(capsys, file).values()) == {"not applied"}


def test_units_are_written_for_schedules_that_are_enabled(capsys, file, tmp_path):
    assert run(["schedule", "export", str(file), "--out", str(tmp_path / "units")]) == 0
    assert sorted(path.name for path in (tmp_path / "units").iterdir()) == [
        "affekt-weekly.service",
        "affekt-weekly.timer",
    ]


@pytest.mark.parametrize("arguments", [["plan"], ["apply"], ["run-now", "big"]])
def test_a_schedule_of_kubeflow_needs_a_cluster(capsys, file, arguments):
    file.write_text(FILE + "  - {name: big, cron: 0 1 * * *, time_zone: UTC, data: s3://b/c, runner: cluster}\n")
    assert run(["schedule", arguments[0], str(file), *arguments[1:]]) == 1
    assert "KFP_ENDPOINT is not set" in capsys.readouterr().err


def test_schedules_of_kubeflow_alone_are_not_served_here(capsys, file):
    file.write_text("schedules:\n  - {name: big, cron: 0 1 * * *, time_zone: UTC, data: s3://b/c, runner: cluster}\n")
    assert run(["schedule", "serve", str(file)]) == 1
    assert "in Kubeflow alone (big)" in capsys.readouterr().err


def test_a_claim_says_nothing_to_systemd(capsys, file):
    assert run(["schedule", "export", str(file), "--claim", "other"]) == 2
    assert "leave it out" in capsys.readouterr().err
