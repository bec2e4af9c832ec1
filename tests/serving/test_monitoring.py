"""Dashboard and alert rules speak of metrics that a server has."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from affekt.serving.door import listening
from affekt.serving.door.line import Line
from affekt.serving.door.options import Options
from affekt.serving.door.versions import Version, Versions

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


def test_what_is_no_http_at_the_port_of_the_metrics_is_counted_too(tmp_path):
    class Ready:
        async def ready(self, version):
            return 1

    async def act() -> str:
        versions = Versions("affekt", Ready(), workers=1, room=1)
        versions.default, versions.all["1"] = "1", Version("1", tmp_path, Line(1, 1), 1.0, (), 1, "")
        front, metrics = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
        admin = socket.socket(socket.AF_UNIX)
        admin.bind(str(tmp_path / "admin.sock"))
        *others, (server, used) = listening.servers(Options("", ""), versions, tmp_path, front, admin, metrics)
        running = asyncio.create_task(server.serve(sockets=[used]))
        for _, other in others:
            other.close()
        said = []
        for sent in (b"hello\r\n\r\n", b"GET /metrics HTTP/1.0\r\n\r\n"):
            reading, writing = await asyncio.open_connection(*metrics.getsockname())
            writing.write(sent)
            said.append((await reading.read()).decode())
            writing.close()
        server.should_exit = True
        await running
        return said[-1]

    said = asyncio.run(asyncio.wait_for(act(), 60))
    assert re.search(r'^affekt_requests_total\{code="bad_http",route="other",status="400"\} 1.0$', said, re.M)


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
