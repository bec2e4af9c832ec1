"""The client's words for what can go wrong, against small servers that answer just so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from affekt.client import AsyncClient, Client, Prediction
from affekt.errors import AffektError, MediaError, UsageError
from affekt.serving.client import predict, prediction_url


@contextmanager
def answering(*replies: tuple[int, str]) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A server that gives the replies in turn, and the last one for ever."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, text = replies[min(len(seen), len(replies) - 1)]
            seen.append({**dict(self.headers), "path": self.path})
            self.send_response(status)
            if status in (302, 308):
                self.send_header("Location", text)
            if text.startswith("cut"):
                self.send_header("Content-Length", "99")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"clip")
    return path


@pytest.mark.parametrize(
    ("status", "text", "kind", "code"),
    [
        (400, '{"error": {"code": "unreadable", "message": "m"}}', MediaError, "unreadable"),
        (413, '{"error": {"code": "too_long", "message": "m"}}', MediaError, "too_long"),
        (413, "", MediaError, "too_large"),
        (500, '{"error": {"code": "internal", "message": "m"}}', AffektError, "internal"),
        (400, '{"code": 400, "message": "Token Authorization failed"}', AffektError, "refused"),
        (404, '{"code": 404, "message": "Model not found: x"}', AffektError, "no_model"),
        (507, '{"code": 507, "message": "m"}', AffektError, "out_of_memory"),
        (418, "teapot", AffektError, "server_failed"),
        (200, "<html>", AffektError, "bad_answer"),
        (200, "[1]", AffektError, "bad_answer"),
        (308, "https://elsewhere/predictions/affekt", AffektError, "moved"),
    ],
)
def test_each_status_has_its_meaning(file, status, text, kind, code):
    with answering((status, text)) as (url, seen), pytest.raises(kind) as raised:
        predict(url, file)
    assert raised.value.code == code
    assert type(raised.value) is kind
    assert len(seen) == 1


def test_a_busy_server_is_asked_again(file):
    with answering((503, "busy"), (503, "busy"), (200, '{"label": "happy"}')) as (url, seen):
        assert predict(url, file) == {"label": "happy"}
    assert len(seen) == 3


def test_a_request_has_one_id_however_often_it_is_sent_and_another_has_another(file):
    with answering((503, "busy"), (200, '{"label": "happy"}')) as (url, seen):
        predict(url, file)
        predict(url, file)
    first, again, other = (each["X-Request-Id"] for each in seen)
    assert first == again != other


def test_a_long_wait_for_a_busy_server_is_told_once_with_its_reason(file, caplog, monkeypatch):
    monkeypatch.setattr("affekt.client.client._TOLD_FROM", 0.5)
    said = '{"error": {"code": "no_room", "message": "the server cannot keep the clip"}}'
    with caplog.at_level("INFO"), answering((503, said), (503, said), (200, '{"label": "happy"}')) as (url, _):
        predict(url, file)
    assert caplog.messages == [
        f"{url}/predictions/affekt: the server cannot keep the clip; asking again, the first time after 0.5 s"
    ]


def test_a_server_that_stays_busy_is_given_up(file):
    with answering((503, "busy")) as (url, seen), pytest.raises(AffektError) as raised:
        predict(url, file, retries=1)
    assert raised.value.code == "busy"
    assert len(seen) == 2


def test_no_server_is_an_error_that_says_what_to_do(file):
    with pytest.raises(AffektError, match="affekt serve") as raised:
        predict("http://127.0.0.1:1", file)
    assert raised.value.code == "unreachable"


def test_a_connection_that_ends_before_the_answer_is_not_called_a_server_that_is_not_there(file):
    with answering((200, "cut")) as (url, _), pytest.raises(AffektError, match="the connection ended") as raised:
        predict(url, file, retries=0)
    assert (raised.value.code, "no server" in raised.value.message) == ("unreachable", False)


def test_no_secure_connection_and_a_proxy_are_told(file, monkeypatch):
    with answering((200, "{}")) as (url, _):
        with pytest.raises(AffektError, match=r"there is no secure connection to it .*is it http://") as raised:
            predict(url.replace("http:", "https:"), file, retries=0)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with pytest.raises(AffektError, match=r"the proxy .*HTTP_PROXY.*refused") as proxied:
            predict("http://affekt.test", file, retries=0)
    assert raised.value.code == proxied.value.code == "unreachable"


def test_certificates_that_are_not_there_are_an_error(file, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(AffektError, match=r"/nowhere.pem"):
        predict("https://127.0.0.1:1", file)


def test_a_redirection_to_no_address_is_told_as_it_is(file):
    with answering((302, "http://[::1")) as (url, _), pytest.raises(AffektError, match=r"http://\[::1") as raised:
        predict(url, file)
    assert raised.value.code == "moved"


@pytest.mark.parametrize("text", ['{"error": {}}', '{"error": {"code": 5, "message": null}}'])
def test_an_error_without_words_is_told_as_what_came(file, text):
    with (
        answering((400, text)) as (url, _),
        pytest.raises(AffektError, match="the server refused the request") as raised,
    ):
        predict(url, file)
    assert raised.value.code == "refused"


@pytest.mark.parametrize("text", ["{}", '{"models": 5}'])
def test_versions_of_another_server_are_no_answer(text, monkeypatch):
    client = Client("http://127.0.0.1:1")
    monkeypatch.setattr(client, "_sent", lambda *arguments: None)
    monkeypatch.setattr(client, "_document", lambda answer: json.loads(text))
    with pytest.raises(AffektError) as raised:
        client.versions()
    assert raised.value.code == "bad_answer"


def test_a_slow_server_is_an_error(file):
    release = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            release.wait(30)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with pytest.raises(AffektError) as raised:
            predict(f"http://127.0.0.1:{server.server_port}", file, timeout=0.2)
        assert raised.value.code == "timeout"
    finally:
        release.set()
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_answer_that_breaks_off_is_asked_for_again(file):
    with answering((200, "cut"), (200, '{"label": "happy"}')) as (url, seen):
        assert predict(url, file) == {"label": "happy"}
    assert len(seen) == 2


def test_a_key_goes_before_what_a_netrc_has(file, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering((200, "{}")) as (url, seen):
        predict(url, file, token="secret")
        predict(url, file)
    assert [each.get("Authorization") for each in seen] == ["Bearer secret", None]


@pytest.mark.parametrize(
    "wrong", [{"at_once": 0}, {"retries": -1}, {"timeout": 0}, {"timeout": float("nan")}, {"key": "a\nb"}, {"key": "é"}]
)
def test_what_a_client_cannot_be_told_is_said_when_it_is_made(wrong):
    for kind in (Client, AsyncClient):
        with pytest.raises(UsageError):
            kind("http://127.0.0.1:1", **wrong)


def test_an_answer_of_other_kinds_is_none():
    names = "label confidence probabilities models modalities frames frames_with_face warnings face model"
    with pytest.raises(AffektError) as raised:
        Prediction.of(dict.fromkeys(names.split()))
    assert raised.value.code == "bad_answer"


def test_a_missing_file_is_not_sent(tmp_path):
    with pytest.raises(MediaError) as raised:
        predict("http://127.0.0.1:1", tmp_path / "none.mp4")
    assert raised.value.code == "missing"


def test_the_key_is_sent_where_one_is_given(file):
    with answering((200, "{}")) as (url, seen):
        predict(url, file, token="secret")
        predict(url, file)
    assert seen[0]["Authorization"] == "Bearer secret"
    assert "Authorization" not in seen[1]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://host:8080", "http://host:8080/predictions/affekt"),
        ("host:8080/", "http://host:8080/predictions/affekt"),
        ("https://host/predictions/other", "https://host/predictions/other"),
        ("http://host/base/predictions/other/3/", "http://host/base/predictions/other/3"),
    ],
)
def test_a_server_stands_for_its_model(given, asked):
    assert prediction_url(given) == asked
