"""What schedules are written as for systemd and Kubernetes, read by systemd itself and by the schemas of Kubernetes."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import kubernetes_validate
import pytest
import yaml

from affekt.errors import DataError
from affekt.pipelines.schedules.export import cron_job, systemd_units
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.serve import next_start

WEEKLY = Schedule("weekly", "15,45 3 * * 1", "Europe/Berlin", "s3://bucket/clips", settings=("vgg.iterations=30",))


def calendar(schedule: Schedule) -> str:
    units = systemd_units(schedule, "/opt/affekt", "/srv/affekt")
    return units[f"affekt-{schedule.name}.timer"].split("OnCalendar=")[1].splitlines()[0]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
@pytest.mark.parametrize("cron", ["15,45 3 * * 1", "0 0 1 1,7 *", "30 22 * * 1,2,3,4,5", "*/20 * * * *"])
def test_systemd_reads_the_same_times(cron):
    schedule = Schedule("a", cron, "Europe/Berlin", "clips")
    now = datetime(2026, 11, 27, 12, 1, tzinfo=UTC)
    said = subprocess.run(
        ["systemd-analyze", "calendar", f"--base-time=@{now.timestamp():.0f}", calendar(schedule)],
        capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    elapse = next(line for line in said.stdout.splitlines() if "Next elapse" in line).split()
    found = datetime.fromisoformat(f"{elapse[3]}T{elapse[4]}+00:00")
    assert found == next_start(schedule, now)


def test_a_service_quotes_what_systemd_would_change():
    schedule = Schedule("a", "0 3 * * *", "UTC", "/srv/50% of $clips")
    service = systemd_units(schedule, "/opt/my affekt/affekt", "/srv/home")["affekt-a.service"]
    assert 'ExecStart="/opt/my affekt/affekt" train "/srv/50%% of $$clips" --name affekt' in service


def test_a_service_asks_the_same_mlflow_and_finds_credentials_in_the_home():
    service = systemd_units(WEEKLY, "/opt/affekt", "/srv/a b%", "http://tracking:5000")["affekt-weekly.service"]
    assert "Environment=MLFLOW_TRACKING_URI=http://tracking:5000\n" in service
    assert "EnvironmentFile=-/srv/a b%%/schedules.env\n" in service


@pytest.mark.parametrize("version", ["1.30", "1.32"])
def test_a_cronjob_is_one_of_kubernetes(version):
    document = yaml.safe_load(cron_job(WEEKLY, "affekt:0.1.0", "http://tracking:5000", "affekt-home"))
    kubernetes_validate.validate(document, version, strict=True)
    spec = document["spec"]
    assert (spec["schedule"], spec["timeZone"]) == ("15,45 3 * * 1", "Europe/Berlin")
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Forbid", 720 * 60)
    container = spec["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"] == ["affekt", *WEEKLY.arguments]


def test_a_server_of_this_machine_is_known_to_a_service_and_not_to_a_cronjob():
    deployed = replace(WEEKLY, deploy="http://127.0.0.1:8080")
    (service,) = (text for name, text in systemd_units(deployed, "/opt/affekt", "/srv").items() if "service" in name)
    assert " --deploy http://127.0.0.1:8080" in service
    with pytest.raises(DataError, match="leave out deploy"):
        cron_job(deployed, "affekt:0.1.0", "http://tracking:5000", "affekt-home")


def test_no_login_is_written_into_a_cronjob():
    with pytest.raises(DataError, match="affekt-login") as caught:
        cron_job(WEEKLY, "affekt:0.1.0", "http://ann:pw@tracking:5000", "affekt-home")
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("changed", [{"data": "/srv/clips"}, {"runner": "docker"}, {"runner": "cluster"}])
def test_what_a_pod_cannot_do_is_refused(changed):
    facts = {"name": "a", "cron": "0 3 * * *", "time_zone": "UTC", "data": "s3://b/c", **changed}
    with pytest.raises(DataError):
        cron_job(Schedule(**facts), "affekt:0.1.0", "http://tracking:5000", "claim")
