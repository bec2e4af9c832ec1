"""``affekt serve --follow``: the server answers on whatever the registry does, ends at once, and gets what is meant."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from affekt.errors import AffektError
from affekt.pipelines.cli import build_parser, deploy, following, serve
from affekt.pipelines.cli.following import LOOK, Following
from affekt.serving.running import RunningServer

SERVER = RunningServer("http://127.0.0.1:1", Path("admin.sock"), "affekt", 1)


@pytest.fixture
def scene(monkeypatch):
    """What the registry means and how a deployment ends, for a server of version 1; and the time."""
    scene = SimpleNamespace(meant="1", ends=None, tried=[], now=0.0, stop=threading.Event())

    def version_of(reference, tracking):
        if isinstance(scene.meant, Exception):
            raise scene.meant
        return scene.meant

    def answer_with(reference, tracking, server):
        scene.tried.append(scene.meant)
        if scene.ends:
            raise scene.ends

    monkeypatch.setattr(following, "Tracking", lambda: None)
    monkeypatch.setattr(following, "version_of", version_of)
    monkeypatch.setattr(following, "answer_with", answer_with)
    scene.followed = Following("affekt@champion", "1", SERVER, lambda: scene.now)
    return scene


@pytest.mark.parametrize("error", [AffektError("away"), OSError("gone"), RuntimeError("file is not a database")])
def test_whatever_a_registry_fails_with_is_told_and_looked_at_again(scene, error, capsys):
    scene.meant = error
    scene.followed.look(scene.stop)
    assert "affekt@champion could not be followed: " in capsys.readouterr().err
    scene.meant = "2"
    scene.followed.look(scene.stop)
    assert (scene.tried, scene.followed.version) == (["2"], "2")


def test_a_version_that_fails_is_tried_after_longer_and_longer_pauses_and_another_at_once(scene):
    scene.meant, scene.ends = "2", AffektError("a probability differs", code="trial_failed")
    tries = []
    for _ in range(150):
        scene.followed.look(scene.stop)
        if len(scene.tried) > len(tries):
            tries.append(scene.now)
        scene.now += LOOK
    assert tries == [0, 60, 180, 420, 900, 1860, 2820, 3780]
    scene.meant, scene.ends = "3", None
    scene.followed.look(scene.stop)
    assert (scene.tried[-1], scene.followed.version) == ("3", "3")


def test_the_version_that_fails_is_named(scene, capsys):
    scene.meant, scene.ends = "2", AffektError("a probability differs", code="trial_failed")
    scene.followed.look(scene.stop)
    assert "affekt@champion could not be followed: version 2: a probability differs; " in capsys.readouterr().err


def test_what_another_change_holds_up_is_tried_at_the_next_look(scene):
    scene.meant, scene.ends = "2", AffektError("another change is under way", code="busy")
    for _ in range(3):
        scene.followed.look(scene.stop)
    assert scene.tried == ["2"] * 3


def test_the_end_of_the_server_is_no_failure_of_what_is_followed(scene, capsys):
    scene.meant, scene.ends = "2", AffektError("the server does not answer", code="no_server")
    scene.stop.set()
    scene.followed.look(scene.stop)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("role", "done"), [("default", []), ("canary", [("POST", "/promote")]), ("shadow", [("POST", "/promote")])]
)
def test_what_is_meant_and_on_trial_is_promoted(monkeypatch, role, done):
    asked = []

    def manage(server, method, target, document=None):
        asked.append((method, target))
        return {"default": "1", "canary": "", "shadow": "", role: "2", "versions": {"2": {"digest": "d"}}}

    monkeypatch.setattr(deploy, "manage", manage)
    monkeypatch.setattr(deploy, "find", lambda *_: SimpleNamespace(version=2, name="affekt"))
    monkeypatch.setattr(deploy, "resolve", lambda *_: Path("folder"))
    monkeypatch.setattr(deploy, "digest_of", lambda _: "d")
    deploy.answer_with("affekt@champion", None, SERVER)
    assert asked == [("GET", "/versions"), *done]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_is_under_way_ends_when_it_is_told_to(monkeypatch, told):
    class Starting:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            threading.Timer(0.2, os.kill, (os.getpid(), told)).start()
            time.sleep(60)

        def __exit__(self, *_):
            raise AssertionError

    monkeypatch.setattr(serve, "LocalServer", Starting)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    began = time.monotonic()
    try:
        assert serve.main(build_parser().parse_args(["serve"])) == 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert time.monotonic() - began < 30


def test_a_server_that_is_told_to_end_does_not_wait_for_what_is_followed(monkeypatch, capsys):
    class Server:
        version, url, confinement = "1", "http://127.0.0.1:1", ""

        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def lost(self):
            return ""

        def running_server(self):
            return SERVER

    busy, over = threading.Event(), threading.Event()

    def run(self, stop):
        busy.set()
        over.wait(60)

    monkeypatch.setattr(serve, "LocalServer", Server)
    monkeypatch.setattr(Following, "run", run)
    options = build_parser().parse_args(["serve", "--follow"])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        threading.Thread(target=lambda: busy.wait(30) and os.kill(os.getpid(), signal.SIGTERM)).start()
        began = time.monotonic()
        assert serve.main(options) == 0
        assert busy.is_set() and time.monotonic() - began < 30
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)
