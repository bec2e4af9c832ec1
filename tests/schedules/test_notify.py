"""Who is to hear of a run's end hears it: signed, again where a server was not ready, and without names and secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from affekt.notify import Ended, Notify, sending, signed, tell
from affekt.pipelines.schedules import one_run
from affekt.pipelines.schedules.outcome import Outcome
from affekt.pipelines.schedules.schedule import Schedule
from affekt.pipelines.schedules.state import Run, State

RUN = Run(
    7, "weekly", "2026-11-02T03:00:00+00:00", "failed", "2026-11-02T03:00:05+00:00", "2026-11-02T04:00:00+00:00", 1
)
FAILED = Outcome.of(
    {"error": {"code": "unreadable", "where": "s3://clips/ann.mp4",
               "message": "ends early https://u:pw@host/x\n(step prepare; the whole log: /home/run/pipeline.log)"}}, 1,
)  # fmt: skip


@dataclass
class Heard:
    """What a server got, and the statuses with which it answers."""

    address: str = ""
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def document(self) -> dict:
        return json.loads(self.requests[-1][1])


@pytest.fixture
def heard() -> Iterator[Heard]:
    """A server on loopback that takes down what it hears."""
    found = Heard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.requests.append(({key.lower(): value for key, value in self.headers.items()}, body))
            status = found.statuses.pop(0) if len(found.statuses) > 1 else found.statuses[0]
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status == 302:
                self.send_header("Location", found.address)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"http://127.0.0.1:{server.server_port}/hooks/secret-part"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def ended(outcome: Outcome, *, clip_names: bool = False) -> Ended:
    return outcome.ended(RUN, "/home/schedules/00007.log", clip_names=clip_names)


def test_a_webhook_is_signed_as_the_standard_says(heard, monkeypatch):
    monkeypatch.setenv("AFFEKT_WEBHOOK_SECRET", "whsec_" + base64.b64encode(b"key").decode())
    assert tell(Notify(webhook=heard.address), ended(Outcome("promoted", "better by 5 points", "affekt/7")))
    ((headers, body),) = heard.requests
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"key", text, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert (heard.document["result"], heard.document["version"]) == ("promoted", "affekt/7")


def test_a_signature_is_that_of_the_published_example():
    headers = signed(
        b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        now=1614265330, identity="msg_p5jXN8AQM9LWM0D4loKWxJek",
    )  # fmt: skip
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_server_that_is_not_ready_is_asked_again(heard):
    heard.statuses = [503, 429, 200]
    assert tell(Notify(webhook=heard.address), ended(FAILED))
    assert len(heard.requests) == 3
    assert len({headers["webhook-id"] for headers, _ in heard.requests}) == 1


def test_of_a_failure_step_code_and_log_are_told_and_no_clip(heard):
    tell(Notify(webhook=heard.address, slack=heard.address), ended(FAILED))
    webhook, slack = (body.decode() for _, body in heard.requests)
    assert (json.loads(webhook)["step"], json.loads(webhook)["code"]) == ("prepare", "unreadable")
    text = json.loads(slack)["text"]
    assert "weekly: failed" in text
    assert "unreadable at the step prepare; log: /home/schedules/00007.log" in text
    assert "ann.mp4" not in webhook + slack


def test_clip_names_are_told_where_that_was_said_and_secrets_never(heard):
    tell(Notify(webhook=heard.address, clip_names=True), ended(FAILED, clip_names=True))
    assert "ann.mp4" in heard.document["why"]
    assert "pw" not in heard.document["why"]


def test_only_the_wanted_results_are_told(heard):
    assert tell(Notify(webhook=heard.address, results=("failed",)), ended(Outcome("nothing_to_do", "")))
    assert heard.requests == []


@pytest.mark.parametrize("status", [302, 404])
def test_what_does_not_arrive_is_logged_without_the_address(heard, caplog, status):
    heard.statuses = [status]
    with caplog.at_level(logging.DEBUG):
        assert not tell(Notify(slack=heard.address), ended(FAILED))
    assert len(heard.requests) == 1
    assert f"127.0.0.1 answers {status}" in caplog.text
    assert "secret-part" not in caplog.text


def test_an_address_at_which_nobody_answers_is_in_no_log(monkeypatch, caplog):
    monkeypatch.setattr(sending, "_TRIES", 1)
    with caplog.at_level(logging.DEBUG):
        assert not tell(Notify.of({"webhook": "http://127.0.0.1:9/secret-part"}), ended(FAILED))
    assert "127.0.0.1 was not told" in caplog.text
    assert "secret-part" not in caplog.text


def test_an_address_may_stand_in_a_variable(heard, monkeypatch, caplog):
    monkeypatch.setenv("HOOK", heard.address)
    assert tell(Notify(slack="$HOOK"), ended(FAILED))
    monkeypatch.delenv("HOOK")
    assert not tell(Notify(slack="$HOOK"), ended(FAILED))
    assert "the variable HOOK is not set" in caplog.text


def test_the_end_of_a_scheduled_run_is_told(heard, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    state = State()
    schedule = Schedule("weekly", "0 3 * * 1", "UTC", "clips", notify=Notify(webhook=heard.address))
    state.put("affekt", schedule)
    run = state.run_now(schedule)
    state.begin(run)
    one_run.end(state, run, 1)
    assert (heard.document["schedule"], heard.document["result"], heard.document["code"]) == (
        "weekly", "failed", "no_document",
    )  # fmt: skip
