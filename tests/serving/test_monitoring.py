"""Dashboard and alert rules speak of metrics that a server has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

MONITORING = Path(__file__).resolve().parents[2] / "infra" / "monitoring"


@pytest.fixture(scope="module")
def scraped(door, clip):
    """What Prometheus reads of a server that has answered a clip and refused one."""
    requests.post(door.url, data=clip.read_bytes(), timeout=60)
    requests.post(door.url, data=b"no clip", timeout=60)
    return requests.get(f"{door.base}/metrics", timeout=30).text


@pytest.mark.parametrize("file", ["dashboard.json", "rules.yaml"])
def test_every_metric_that_is_asked_for_is_there(scraped, file):
    asked = set(re.findall(r"\baffekt_\w+", (MONITORING / file).read_text(encoding="utf-8")))
    there = set(re.findall(r"^(affekt_\w+)[{ ]", scraped, re.MULTILINE))
    assert asked and asked <= there, asked - there


def test_every_stage_of_an_answer_is_timed(scraped):
    stages = set(re.findall(r'affekt_stage_seconds_count{stage="(\w+)"}', scraped))
    assert {"receive", "queue", "decode", "faces", "sound", "vgg", "svc", "fusion"} <= stages


def test_timings_are_in_the_answer_where_they_are_asked_for(door, clip):
    said = requests.post(f"{door.url}?timings=1", data=clip.read_bytes(), timeout=60).json()
    assert {"receive", "queue", "decode", "fusion"} <= set(said["timings"])
    assert all(0 <= seconds < 60 for seconds in said["timings"].values())


def test_panels_have_their_own_places():
    panels = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in panels})


def test_promtool_takes_the_scrape_and_the_rules(scraped):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool (Debian: prometheus) is not installed here")
    for arguments in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        run = subprocess.run([promtool, *arguments], cwd=MONITORING, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
    run = subprocess.run([promtool, "check", "metrics"], input=scraped, capture_output=True, text=True)
    assert "error" not in run.stderr.lower(), run.stderr
