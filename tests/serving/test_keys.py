"""Keys of clients: their file, their rates, and who is let in."""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from affekt.errors import AffektError, DataError
from affekt.pipelines.cli import run
from affekt.serving.door.admission import Admission
from affekt.serving.door.app import application, metrics_application
from affekt.serving.door.options import Options
from affekt.serving.door.refusal import Refusal
from affekt.serving.keys import Keys, add_key, read_keys, remove_key
from affekt.serving.server import LocalServer


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys.json"


def refusal(admission, path="/predictions/affekt", method="POST", **headers):
    """The status of a refusal, or 200; and its headers."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw, "state": {"note": {}}}
    try:
        admission.check(Request(scope))
    except Refusal as refused:
        return refused.status, refused.headers
    return 200, {}


def options(**further):
    return Options(work="", temporary="", **further)


def test_the_file_keeps_hashes_and_is_its_owners_alone(file):
    key = add_key(file, "team")
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(file.read_text())["team"]["sha256"]) == 64


def test_several_keys_hold_and_may_change_while_the_server_runs(file):
    first, second = add_key(file, "a"), add_key(file, "b")
    keys = Keys(file)
    assert [keys.of(key).name for key in (first, second)] == ["a", "b"]
    assert keys.of("guess") is None
    remove_key(file, "a")
    third = add_key(file, "c")
    assert keys.of(first) is None
    assert keys.of(third).name == "c"


def test_keys_that_are_made_at_once_all_hold(file):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: add_key(file, str(number)), range(24)))
    keys = Keys(file)
    assert [getattr(keys.of(key), "name", None) for key in made] == [str(number) for number in range(24)]
    assert list(file.parent.iterdir()) == [file]


def test_a_changed_file_is_read_by_whom_it_was_read_before(file):
    """An administrator who adds a key must not shut out the account that the server runs as."""
    add_key(file, "a")
    whose = (12345, 23456) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    os.chown(file, *whose)
    file.chmod(0o640)
    add_key(file, "b")
    remove_key(file, "a")
    found = file.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (*whose, 0o640)


def test_what_cannot_be_read_again_is_no_file_of_keys(file):
    """As of ``--keys <(…)``: the command would read it, and the server found nothing there."""
    os.mkfifo(file)
    with pytest.raises(DataError, match="is no file") as raised:
        read_keys(file)
    assert raised.value.code == "bad_keys"


@pytest.mark.parametrize("text", ['{"a": %s, "a": %s}', 100_000 * "["], ids=["twice", "endless"])
def test_a_file_that_says_something_twice_or_is_endless_is_damaged(file, text):
    add_key(file, "a")
    entry = json.dumps(json.loads(file.read_text())["a"])
    file.write_text(text.replace("%s", entry))
    with pytest.raises(DataError, match="affekt keys add"):
        read_keys(file)


@pytest.mark.parametrize("wrong", [{"per_minute": 0}, {"per_minute": float("nan")}, {"sha256": "the key itself"}])
def test_a_file_whose_numbers_cannot_be_meant_is_damaged(file, wrong):
    key = add_key(file, "a")
    document = json.loads(file.read_text())
    file.write_text(json.dumps({"a": {**document["a"], **wrong}}))
    with pytest.raises(DataError, match="affekt keys add"):
        read_keys(file)
    assert refusal(Admission(options(keys=str(file))), host="localhost", authorization=f"Bearer {key}")[0] == 503


def test_probes_and_prometheus_may_ask_by_another_address(file):
    given = options(hosts=("example.org",), address="0.0.0.0")
    for path, status in (("/ping", 200), ("/v2/health/ready", 200), ("/models", 421), ("/metrics", 421)):
        assert refusal(Admission(given), path=path, method="GET", host="10.1.2.3:8080")[0] == status
    metrics = metrics_application(SimpleNamespace(options=given)).admission
    assert refusal(metrics, path="/metrics", method="GET", host="10.1.2.3:8082")[0] == 200


def told_to_a_page(origin, verb, path="/ping", keys="", **asked):
    """What a server that pages of https://site.example may ask says to one: status, headers and body."""
    told = []
    desk = SimpleNamespace(
        options=options(origins=("https://site.example",), keys=keys), versions=SimpleNamespace(model="affekt"),
        metrics=SimpleNamespace(answered=lambda *_: None),
    )  # fmt: skip
    headers = {"host": "localhost", "origin": origin, "x-request-id": "mine"}
    headers |= {f"access-control-request-{name}": value for name, value in asked.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": verb, "path": path, "query_string": b"", "headers": raw, "client": None}

    received = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive():
        if message := next(received, None):
            return message
        await asyncio.sleep(60)

    async def send(message):
        told.append(message)

    asyncio.run(application(desk)(scope, receive, send))
    said = {name.decode().lower(): value.decode() for name, value in told[0]["headers"]}
    return told[0]["status"], said, b"".join(message.get("body", b"") for message in told)


@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_a_page_that_may_ask_may_say_and_read_what_other_callers_do(method):
    """Which version it gets, and by which id its request is known; when a busy server may be asked again."""
    asked = {"method": "POST", "headers": "authorization, x-canary-key, x-request-id"} if method == "OPTIONS" else {}
    status, said, _ = told_to_a_page("https://site.example", method, **asked)
    assert (status, said["access-control-allow-origin"]) == (200, "https://site.example")
    if method == "GET":
        assert said["access-control-expose-headers"] == "Retry-After, X-Request-Id"


@pytest.mark.parametrize(
    ("origin", "asked", "what"),
    [
        ("https://evil.example", {"method": "POST"}, "origin"),
        ("https://site.example", {"method": "PUT"}, "method"),
        ("https://site.example", {"method": "POST", "headers": "x-else"}, "headers"),
    ],
)
def test_a_page_that_may_not_ask_so_is_refused_in_the_form_of_all_errors(origin, asked, what):
    status, said, body = told_to_a_page(origin, "OPTIONS", **asked)
    error = json.loads(body)["error"]
    assert (status, error["code"], said["content-type"]) == (403, "origin_not_allowed", "application/json")
    assert f"the {what} is not allowed" in error["message"]
    assert int(said["content-length"]) == len(body)
    assert said.get("access-control-allow-origin") in (None, "https://site.example")


@pytest.mark.parametrize(
    ("origin", "verb", "asked", "status", "code"),
    [
        ("https://site.example", "OPTIONS", {"method": "POST", "headers": "authorization"}, 200, None),
        ("https://evil.example", "OPTIONS", {"method": "POST"}, 403, "origin_not_allowed"),
        ("https://site.example", "OPTIONS", {}, 401, "no_key"),
        ("https://site.example", "GET", {}, 401, "no_key"),
        ("https://evil.example", "GET", {}, 403, "origin_not_allowed"),
    ],
)
def test_what_a_page_of_another_site_is_told_has_an_id_and_is_logged(file, caplog, origin, verb, asked, status, code):
    """A browser asks before it asks, without a key; a page reads refusals only where its origin is told."""
    add_key(file, "a")
    with caplog.at_level("INFO", "affekt.door"):
        given, said, _ = told_to_a_page(origin, verb, "/models", str(file), **asked)
    allowed = origin if origin == "https://site.example" else None
    assert (given, said["x-request-id"], said.get("access-control-allow-origin")) == (status, "mine", allowed)
    line = json.loads(caplog.messages[-1])
    assert (line["id"], line["method"], line["status"], line.get("code")) == ("mine", verb, status, code)


def test_a_host_header_does_not_stand_for_an_address_without_keys(file):
    add_key(file, "a")
    admission = Admission(options(keys=str(file), address="0.0.0.0"))
    for host in ("x/ping?", "x/docs#", "x/page/"):
        assert refusal(admission, path="/models", method="GET", host=host)[0] == 401


def test_a_key_has_its_rate(file):
    admission = Admission(options(keys=str(file)))
    key = f"Bearer {add_key(file, 'slow', per_minute=12)}"
    assert [refusal(admission, host="x", authorization=key)[0] for _ in range(3)] == [421] * 3
    said = [refusal(admission, host="localhost", authorization=key) for _ in range(3)]
    assert [status for status, _ in said] == [200, 200, 429]
    assert 1 <= int(said[2][1]["Retry-After"]) <= 5


@pytest.mark.parametrize("given", ["", "Bearer", "Basic eA==", "Bearer guess"])
def test_without_a_key_that_holds_nobody_is_answered(file, given):
    add_key(file, "a")
    status, headers = refusal(Admission(options(keys=str(file))), host="127.0.0.1:8080", authorization=given)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("path", ["/ping", "/v2/health/ready", "/v2/health/live"])
def test_health_needs_no_key(file, path):
    add_key(file, "a")
    assert refusal(Admission(options(keys=str(file))), path, "GET", host="localhost")[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/models", "/v2/models/affekt", "/v2/models/affekt/infer"])
def test_all_else_does(file, path):
    add_key(file, "a")
    assert refusal(Admission(options(keys=str(file))), path, "GET", host="localhost")[0] == 401


def test_a_damaged_file_of_keys_lets_nobody_in(file):
    key = add_key(file, "a")
    admission = Admission(options(keys=str(file)))
    file.write_text("{")
    assert refusal(admission, host="localhost", authorization=f"Bearer {key}")[0] == 503


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("LOCALHOST:8080", 200), ("127.0.0.1:1", 200), ("[::1]:8080", 200), ("evil.example", 421),
     ("127.0.0.1.evil.example", 421), ("", 421), ("localhost:", 200), ("[::1]:", 200), ("evil.example:", 421),
     (":", 421), ("localhost::", 421)],
)  # fmt: skip
def test_a_server_of_this_machine_answers_under_its_own_names_alone(host, status):
    assert refusal(Admission(options()), host=host)[0] == status


def test_a_server_has_the_names_that_it_is_given():
    admission = Admission(options(address="0.0.0.0", hosts=("models.example",)))
    assert refusal(admission, host="models.example:8080")[0] == 200
    assert refusal(admission, host="10.0.0.1")[0] == 421
    assert refusal(Admission(options(address="0.0.0.0")), host="anything")[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:8080"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:9"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"origin": "https://friend.example"}, 200),
    ],
)
def test_pages_of_other_sites_may_not_ask(headers, status):
    admission = Admission(options(origins=("https://friend.example",)))
    assert refusal(admission, host="localhost:8080", **headers)[0] == status


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("10.1.2.3", "10.1.2.3"),
        ("localhost", "localhost"),
    ],
)
def test_a_server_is_told_by_an_address_that_reaches_it(tmp_path, address, reached):
    server = LocalServer(tmp_path, address=address, without_keys=True)
    server._ports = {"port": 8080}
    assert server.base == f"http://{reached}:8080"
    server.stop()


def test_an_address_that_others_reach_needs_keys(tiny_ensemble):
    with pytest.raises(AffektError) as raised:
        LocalServer(tiny_ensemble, address="0.0.0.0")
    assert raised.value.code == "keys_needed"


def test_the_command_makes_lists_and_removes_keys(file, capsys):
    assert run(["keys", "add", "team", "--file", str(file), "--per-minute", "30"]) == 0
    key = capsys.readouterr().out.strip()
    assert Keys(file).of(key).per_minute == 30
    assert run(["keys", "list", "--file", str(file)]) == 0
    assert capsys.readouterr().out == "team\t30 a minute\n"
    assert run(["keys", "remove", "team", "--file", str(file)]) == 0
    assert read_keys(file) == []
    with pytest.raises(DataError):
        remove_key(file, "team")
