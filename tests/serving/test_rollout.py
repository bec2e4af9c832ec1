"""Another version in a running server: nobody's request is lost, and a bad version changes nothing."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from affekt.errors import AffektError
from affekt.serving.client import predict
from affekt.serving.rollout import deploy_ensemble, manage
from affekt.serving.server import LocalServer
from affekt.storage import file_digest


@pytest.fixture(scope="module")
def changing(tiny_ensemble, tmp_path_factory):
    """A server of these tests alone, since they change what it serves."""
    with LocalServer(tiny_ensemble, version="1", workers=1, watch=0.5, home=tmp_path_factory.mktemp("home")) as server:
        yield server


def version_of(server, clip):
    return server.predict(clip)["model"]["version"]


def test_a_folder_without_an_ensemble_changes_nothing(server, clip, tmp_path):
    with pytest.raises(AffektError) as raised:
        deploy_ensemble(tmp_path, server.running_server(), version="9")
    assert raised.value.code == "not_an_ensemble"
    assert version_of(server, clip) == "7"


def test_the_version_that_answers_is_not_deployed_again(server, tiny_ensemble):
    with pytest.raises(AffektError) as raised:
        deploy_ensemble(tiny_ensemble, server.running_server(), version="7")
    assert raised.value.code == "already_deployed"


def test_a_server_that_is_gone_is_an_error(server, tiny_ensemble, tmp_path):
    gone = replace(server.running_server(), admin=tmp_path / "admin.sock")
    with pytest.raises(AffektError) as raised:
        deploy_ensemble(tiny_ensemble, gone, version="2")
    assert raised.value.code == "no_server"


@pytest.mark.slow
def test_a_version_that_does_not_load_is_taken_away_again(changing, tiny_ensemble, tmp_path, clip):
    broken = tmp_path / "broken"
    shutil.copytree(tiny_ensemble, broken)
    manifest = json.loads((broken / "ensemble.json").read_text())
    name = next(name for name in manifest["files"] if name.endswith("graph.xml"))
    (broken / name).write_bytes(b"damaged")
    manifest["files"][name] = file_digest(broken / name)
    (broken / "ensemble.json").write_text(json.dumps(manifest))
    with pytest.raises(AffektError) as raised:
        deploy_ensemble(broken, changing.running_server(), version="2")
    assert raised.value.code == "model_failed"
    assert version_of(changing, clip) == "1"
    with pytest.raises(AffektError):
        predict(f"{changing.url}/2", clip, retries=0)


@pytest.mark.slow
def test_two_swaps_lose_no_request(changing, tiny_ensemble, clip):
    """Also that the versions follow one another, and that the old archives leave the store."""
    server = changing.running_server()
    stop, answered, failed = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                answered.append(predict(changing.url, clip, retries=0)["model"]["version"])
            except AffektError as error:
                failed.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        first = deploy_ensemble(tiny_ensemble, server, version="5")
        second = deploy_ensemble(tiny_ensemble, server, version="6")
        ends = time.monotonic() + 60
        while "6" not in answered and time.monotonic() < ends:
            time.sleep(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failed == []
    assert {"1", "5", "6"} == set(answered)
    assert (first.replaced, second.replaced) == (("1",), ("5",))
    assert version_of(changing, clip) == "6"
    ends = time.monotonic() + 60
    while manage(server, "GET", "/versions")["watching"] and time.monotonic() < ends:
        time.sleep(0.1)
    assert [path.name for path in (Path(changing.options.work) / "store").iterdir()] == ["affekt-6"]
