"""Swaps, a canary, a shadow and what is taken back, with real engines and real ensembles behind the door."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from affekt.ensemble import Ensemble
from affekt.ensemble.trials import add_trials
from affekt.errors import AffektError
from affekt.home import home
from affekt.pipelines.cli.deploy import deploy_promoted
from affekt.registry import Tracking, promote, register
from affekt.serving.client import predict
from affekt.serving.rollout import begin_trial, carried_trials, deploy_ensemble, manage, trial_of
from affekt.serving.server import LocalServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module", params=["torchserve", "direct"])
def engine(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def carrying(tiny_ensemble, clip, tmp_path_factory) -> Path:
    """The tiny ensemble with a clip and its answer."""
    folder = tmp_path_factory.mktemp("carrying") / "ensemble"
    shutil.copytree(tiny_ensemble, folder)
    add_trials(folder, [clip])
    return folder


@pytest.fixture
def running(engine, tiny_ensemble, tmp_path) -> Iterator[LocalServer]:
    with LocalServer(tiny_ensemble, engine=engine, workers=1, watch=1.0, home=tmp_path / "home") as server:
        yield server


@pytest.fixture(scope="module")
def other(tiny_ensemble, clip, tmp_path_factory) -> Path:
    """An ensemble that answers a little otherwise: its faces are of a worse quality."""
    folder = tmp_path_factory.mktemp("other") / "ensemble"
    shutil.copytree(tiny_ensemble, folder)
    manifest = json.loads((folder / "ensemble.json").read_text())
    manifest["settings"]["media"]["picture_quality"] = 5
    (folder / "ensemble.json").write_text(json.dumps(manifest))
    add_trials(folder, [clip])
    return folder


@contextmanager
def asked_by(clients: int, ask: Callable[[], str]) -> Iterator[tuple[list[str], list[str]]]:
    """Within it so many clients ask, one request after the other: what they were told, and what failed."""
    stop, told, failed = threading.Event(), [], []

    def go() -> None:
        while not stop.is_set():
            try:
                told.append(ask())
            except AffektError as error:
                failed.append(str(error))

    threads = [threading.Thread(target=go) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield told, failed
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)


def workers(server: LocalServer) -> set[int]:
    """The processes that compute, of whichever engine."""
    found = set()
    for child in psutil.Process(server.running_server().process).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if any(kind in " ".join(child.cmdline()) for kind in ("engines.worker", "model_service_worker")):
                found.add(child.pid)
    return found


def ready(server: LocalServer, version: str) -> bool:
    """Whether a version has a worker that can be asked."""
    text = requests.get(f"{server.base}/metrics", timeout=30).text
    return f'affekt_ready_workers{{version="{version}"}} 1.0' in text


def test_ten_swaps_under_eight_clients_lose_no_request(running, carrying, other, clip):
    trials = {folder: carried_trials(folder) for folder in (carrying, other)}
    with asked_by(8, lambda: predict(running.url, clip, retries=0)["model"]["version"]) as (told, failed):
        until(lambda: "1" in told)
        for number in range(2, 12):
            folder = other if number % 2 else carrying
            deploy_ensemble(folder, running.running_server(), version=str(number), trials=trials[folder])
            until(lambda: str(number) in told or failed)  # noqa: B023  it is asked at once
    assert failed == []
    assert set(told) == {str(number) for number in range(1, 12)}
    print(f"{running.options.engine}: {len(told)} requests, 10 swaps, 0 failed")
    until(lambda: not manage(running.running_server(), "GET", "/versions")["watching"])
    assert list(manage(running.running_server(), "GET", "/versions")["versions"]) == ["11"]


def test_a_version_that_answers_otherwise_than_expected_is_not_put_in_place(running, tiny_ensemble, other, clip):
    with pytest.raises(AffektError, match="a probability differs"):
        deploy_ensemble(
            other, running.running_server(), version="2", trials=[trial_of(Ensemble.load(tiny_ensemble), clip)]
        )
    assert running.predict(clip)["model"]["version"] == "1"
    assert list(manage(running.running_server(), "GET", "/versions")["versions"]) == ["1"]


def test_a_canary_answers_its_share_of_callers_who_stay_until_it_is_promoted(running, other, clip):
    begin_trial(other, running.running_server(), version="2", percent=50)

    def versions(keys: range) -> list[str]:
        content = clip.read_bytes()
        answers = [requests.post(running.url, data=content, headers={"X-Canary-Key": str(key)}) for key in keys]
        return [answer.json()["model"]["version"] for answer in answers]

    first = versions(range(20))
    assert first == versions(range(20))
    assert 4 <= first.count("2") <= 16
    manage(running.running_server(), "POST", "/promote", {})
    assert set(versions(range(4))) == {"2"}


def test_a_shadow_is_compared_on_copies_and_answers_nobody(running, other, clip):
    begin_trial(other, running.running_server(), version="2", shadow=True)
    assert {running.predict(clip)["model"]["version"] for _ in range(5)} == {"1"}
    until(lambda: sum(_compared(running)[name] for name in ("requests", "passed_over")) == 5)
    compared = _compared(running)
    assert compared["requests"] > 0
    assert 0 < compared["largest_shift"] < 1
    assert manage(running.running_server(), "POST", "/abort", {})["version"] == "2"
    until(lambda: list(manage(running.running_server(), "GET", "/versions")["versions"]) == ["1"])
    assert list((Path(running.options.temporary) / "clips").iterdir()) == []


def _compared(server: LocalServer) -> dict[str, float]:
    return dict(manage(server.running_server(), "GET", "/versions")["comparison"])


def test_a_version_whose_workers_die_after_the_swap_is_taken_back_by_itself(engine, tiny_ensemble, clip, tmp_path):
    with LocalServer(tiny_ensemble, engine=engine, workers=1, watch=300.0, home=tmp_path / "home") as server:
        old = workers(server)
        deploy_ensemble(tiny_ensemble, server.running_server(), version="2")
        codes = Counter[int]()
        with asked_by(4, lambda: str(requests.post(server.url, data=clip.read_bytes()).status_code)) as (told, _):

            def kill() -> bool:
                if ready(server, "2"):
                    time.sleep(0.2)  # it has a clip by then
                    for pid in workers(server) - old:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                return bool(manage(server.running_server(), "GET", "/versions")["said"])

            until(kill, 600)
            said = manage(server.running_server(), "GET", "/versions")
            codes.update(map(int, told))
        assert said["default"] == "1"
        assert "version 2 was taken back" in said["said"]
        assert server.predict(clip)["model"]["version"] == "1"
        assert set(codes) <= {200, 503}


def test_a_version_that_became_the_champion_answers_as_soon_as_it_is_deployed(
    tiny_ensemble, other, clip, tmp_path, monkeypatch
):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracking = Tracking()
    assert register(tracking, other, name="affekt", run_id=tracking.start_parent("affekt")) == 1
    with LocalServer(tiny_ensemble, engine="direct", workers=1, version="7", home=home()) as server:
        assert predict(server.url, clip)["model"]["version"] == "7"
        assert not deploy_promoted(server.url, "affekt", 1)  # another became the champion, or none
        promote("affekt/1", tracking)
        for _ in range(2):  # the second time there is nothing to do
            assert deploy_promoted(server.url, "affekt", 1)
            assert predict(server.url, clip)["model"]["version"] == "1"
    with pytest.raises(AffektError, match=r"affekt/1 is the champion, and .* does not answer with it") as raised:
        deploy_promoted(server.url, "affekt", 1)
    assert raised.value.code == "no_server"
