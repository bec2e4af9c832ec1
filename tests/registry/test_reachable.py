"""What is said of a tracking address behind which nobody, a login or something else answers."""

from __future__ import annotations

import base64
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from affekt.errors import AffektError
from affekt.registry import Tracking
from affekt.registry.reachable import check_server

JSON = "application/json"


@pytest.fixture
def server():
    """A real server; the test says what it answers to whom, by a function from headers to status, headers, body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            status, headers, body = made.answer(self.headers)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *ignored):
            pass

    asked = []
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.asked, made.uri = asked, f"127.0.0.1:{made.server_port}"
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture(autouse=True)
def no_login(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def refused(uri):
    with pytest.raises(AffektError) as caught:
        check_server(uri, "unset it")
    return caught.value


@pytest.mark.parametrize(
    "uri",
    ["127.0.0.1:5000", "localhost:5000", "http://", "http://:5000", "sqlite://runs.db", "sqlite:runs.db", "./mlruns",
     "file:///tmp/mlruns", "nosuch://x", "databricks"],
)  # fmt: skip
def test_what_is_no_address_for_mlflow_is_one_sentence(uri, tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(AffektError, match="MLFLOW_TRACKING_URI") as caught:
        Tracking(uri, tmp_path).client  # noqa: B018 - it is the question
    assert (caught.value.code, caught.value.where) == ("tracking_address", uri)


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(AffektError, match="needs the Python package MySQLdb") as caught:
        Tracking("mysql://db/runs", tmp_path).client  # noqa: B018 - it is the question
    assert caught.value.code == "not_installed"


def test_an_api_that_answers_is_fine_and_asked_once(server):
    server.answer = lambda headers: (200, {"Content-Type": JSON}, b"{}")
    check_server(f"http://{server.uri}/", "unset it")
    assert server.asked == ["/api/2.0/mlflow/experiments/search?max_results=1"]


def test_nobody_there_is_told_apart(server):
    server.shutdown()
    server.server_close()
    error = refused(f"http://ann:secret@{server.uri}/below")
    assert error.code == "tracking_unreachable"
    assert error.where == f"http://{server.uri}/below"
    assert "start it, or unset it" in error.message


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_is_asked_for(server, status):
    server.answer = lambda headers: (status, {"Content-Type": "text/html"}, b"log in")
    error = refused(f"http://{server.uri}")
    assert error.code == "tracking_login"
    assert f"asks for a login (HTTP {status})" in error.message
    assert "MLFLOW_TRACKING_USERNAME" in error.message


def by_password(headers):
    known = "Basic " + base64.b64encode(b"ann:right").decode()
    return (200 if headers.get("Authorization") == known else 401), {"Content-Type": JSON}, b"{}"


def test_the_login_of_the_environment_is_used(server, monkeypatch):
    server.answer = by_password
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "right")
    check_server(f"http://{server.uri}", "unset it")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    error = refused(f"http://{server.uri}")
    assert "refuses the login (HTTP 401)" in error.message
    assert "wrong" not in str(error)


def test_a_login_in_the_address_is_used_and_not_told(server):
    server.answer = by_password
    check_server(f"http://ann:right@{server.uri}", "unset it")
    assert "guess" not in str(refused(f"http://ann:guess@{server.uri}"))


def test_a_token_is_sent(server, monkeypatch):
    server.answer = lambda headers: (
        200 if headers.get("Authorization") == "Bearer t0ken" else 401, {"Content-Type": JSON}, b"{}"
    )  # fmt: skip
    assert refused(f"http://{server.uri}").code == "tracking_login"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    check_server(f"http://{server.uri}", "unset it")


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "text/html; charset=utf-8"}, b"<form>"),
        (302, {"Location": "https://login.example/", "Content-Type": "text/html"}, b""),
        (307, {"Location": "/login"}, b""),
    ],
)
def test_a_page_to_log_in_is_not_taken_for_mlflow(server, answer):
    server.answer = lambda headers: answer
    error = refused(f"http://{server.uri}")
    assert error.code == "tracking_login"
    assert "a page answers there in place of MLflow's API" in error.message


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "appli"}])
def test_an_answer_that_is_cut_off_is_no_login(server, headers):
    server.answer = lambda _: (200, headers, b"")
    error = refused(f"http://{server.uri}")
    assert (error.code, "cut off" in error.message) == ("tracking_unreachable", True)


def test_something_else_is_not_taken_for_mlflow(server):
    server.answer = lambda headers: (404, {"Content-Type": "text/plain"}, b"not found")
    error = refused(f"http://{server.uri}")
    assert (error.code, "HTTP 404" in error.message) == ("tracking_other", True)
