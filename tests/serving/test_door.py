"""What the door promises to clients, whatever engine is behind it."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from affekt.ensemble import Ensemble
from affekt.serving.door.clip_fields import QUERY, misspelt


def error_of(answer):
    document = answer.json()
    assert set(document) == {"error"} and set(document["error"]) == {"code", "message"}
    assert all(isinstance(value, str) and value for value in document["error"].values())
    return answer.status_code, document["error"]["code"]


def inbox(door):
    return list((Path(door.options.temporary) / "clips").iterdir())


@pytest.fixture(scope="module")
def expected(tiny_ensemble, clip):
    ensemble = Ensemble.load(tiny_ensemble)
    model = {"name": "affekt", "version": "7", "digest": ensemble.digest}
    return {**ensemble.predict_file(clip).to_dict(), "model": model}


def test_a_clip_is_answered(door, clip, expected):
    answer = requests.post(door.url, data=clip.read_bytes(), timeout=60)
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize("kind", ["video/mp4", "application/x-www-form-urlencoded", "application/json", "text/plain"])
def test_a_clip_is_a_clip_whatever_it_is_called(door, kind):
    """A body that the decoder has seen is one that has arrived."""
    answer = requests.post(door.url, data=b"no clip", headers={"Content-Type": kind}, timeout=60)
    assert error_of(answer) == (400, "unreadable")


def test_what_callers_are_told_to_type_is_answered(door, clip, tmp_path):
    told = re.findall(r"^\$ (curl .*?)(?: +#.*)?$", Path("docs/calling.md").read_text(), re.MULTILINE)
    asked = [line.replace("http://127.0.0.1:8080", door.base) for line in told if "s3://" not in line]
    assert len(asked) == 4
    for line in asked:
        line = re.sub(r"@\w+\.mp4", f"@{clip}", line)
        done = subprocess.run(["bash", "-c", line.replace("curl", "curl -sS", 1)], capture_output=True, timeout=60)
        assert "label" in json.loads(done.stdout), (line, done)


def test_curl_with_its_own_content_type_is_answered(door, no_clip):
    run = subprocess.run(["curl", "-s", "--data-binary", f"@{no_clip}", door.url], capture_output=True, check=True)
    assert json.loads(run.stdout)["error"]["code"] == "unreadable"


@pytest.mark.parametrize("field", ["data", "body", "video"])
def test_a_form_with_further_fields_is_taken(door, field):
    form = {"note": (None, "from the left"), field: b"no clip"}
    assert error_of(requests.post(door.url, files=form, timeout=60)) == (400, "unreadable")


def test_the_named_field_of_two_files_is_the_clip(door, clip, expected):
    answer = requests.post(door.url, files={"poster": b"picture", "data": clip.read_bytes(), "z": b"?"}, timeout=60)
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"a": b"1", "b": b"2"}, "the form has 2 files, none of them the field 'data' or 'body'"),
        ([("data", b"1"), ("data", b"2"), ("data", b"3")], "the form has 3 fields 'data' or 'body'"),
        ({"a": (None, "1"), "b": (None, "2")}, "the form has 2 parts that are no files, none of them"),
    ],
)
def test_a_form_with_more_than_one_clip_is_told_how_many(door, form, said):
    answer = requests.post(door.url, files=form, timeout=60)
    assert error_of(answer) == (400, "no_clip") and said in answer.json()["error"]["message"]


@pytest.mark.parametrize("word", ["labels", "person"])
def test_a_word_about_the_clip_that_is_sent_as_a_file_is_refused_by_name(door, clip, word):
    form = {word: ("words.txt", b"happy,sad"), "data": clip.read_bytes()}
    answer = requests.post(door.url, files=form, timeout=60)
    assert error_of(answer) == (400, "bad_form") and repr(word) in answer.json()["error"]["message"]
    alone = requests.post(door.url, files={word: ("clip.mp4", clip.read_bytes())}, timeout=60)
    assert alone.status_code == 200, "the only file is the clip, whatever its field is called"
    assert inbox(door) == []


def test_a_version_may_be_named(door):
    assert error_of(requests.post(f"{door.url}/7", data=b"no clip", timeout=60)) == (400, "unreadable")
    assert error_of(requests.post(f"{door.url}/8", data=b"x", timeout=60)) == (404, "no_version")


@pytest.mark.parametrize(
    ("send", "status", "code"),
    [
        ({"data": b""}, 400, "no_clip"),
        ({"data": b"no clip"}, 400, "unreadable"),
        ({"files": {"a": b"1", "b": b"2"}}, 400, "no_clip"),
        ({"files": {"a": b"1", "b": 70_000 * b"2"}}, 400, "no_clip"),
        ({"files": {"a": (None, "")}}, 400, "no_clip"),
        ({"data": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "bad_form"),
        ({"data": b"--x--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "no_clip"),
        ({"data": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_form"),
        (
            {"data": b"--x\r\n\r\na\r\n--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
            400,
            "bad_form",
        ),
        ({"json": {"uri": "http://host/clip.mp4"}}, 400, "no_clip"),
        ({"data": b"\xef\xbb\xbf{}", "headers": {"Content-Type": "application/json"}}, 400, "no_clip"),
        ({"json": {"uri": "s3://theirs/clip.mp4"}}, 403, "bucket_not_allowed"),
        ({"json": {"uri": "s3://"}}, 400, "bad_uri"),
        ({"json": {"uri": "s3://mine/"}}, 400, "bad_uri"),
        ({"json": {"uri": "s3://mine/" + 1025 * "a"}}, 400, "bad_uri"),
        ({"json": {"uri": "s3://mine/\ud800"}}, 400, "bad_json"),
        ({"json": {"uri": "s3://\udfff/clip.mp4"}}, 400, "bad_json"),
        ({"data": b"{no", "headers": {"Content-Type": "application/json"}}, 400, "bad_json"),
        ({"data": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "content_encoding"),
        ({"data": b"x", "headers": {"Content-Length": str(10**10)}}, 413, "too_large"),
    ],
)
def test_each_refusal_has_its_status_and_its_code(door, send, status, code):
    if send.get("headers", {}).get("Content-Length"):
        host, port = door.base.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        connection.request("POST", "/predictions/affekt", headers={**send["headers"], "Expect": "100-continue"})
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["error"]["code"]) == (status, code)
        connection.close()
    else:
        assert error_of(requests.post(door.url, **send, timeout=60)) == (status, code)
    assert inbox(door) == []


def test_a_form_of_nothing_but_names_has_an_end(door):
    """What is not written is bounded as well: a form may go on for as long as a body may take."""
    part = b'--x\r\nContent-Disposition: form-data; name="%d"\r\n\r\n%s\r\n'
    form = (
        part.replace(b"%d", b"data") % b"no clip" + b"".join(part % (number, b"") for number in range(2_000)) + b"--x--"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert error_of(requests.post(door.url, data=form, headers=headers, timeout=60)) == (413, "too_large")
    assert inbox(door) == []


def form_of(*parts: tuple[str, bytes]) -> dict[str, Any]:
    """A request with a form of parts, each what its Content-Disposition says besides ``form-data`` and its bytes."""
    written = b"".join(
        f"--x\r\nContent-Disposition: form-data; {said}\r\n\r\n".encode() + data + b"\r\n" for said, data in parts
    )
    return {"data": written + b"--x--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}


@pytest.mark.parametrize("said", ["filename*=UTF-8''%C3%A4.mp4", "FILENAME*=utf-8'de'%C3%A4.mp4"])
def test_a_files_name_in_an_encoding_of_its_own_makes_a_file(door, clip, expected, said):
    data = clip.read_bytes()
    form = form_of(('name="note"', b"of May"), (f'name="video"; {said}', data), ('name="place"', b"here"))
    assert requests.post(door.url, **form, timeout=60).json() == expected
    form = form_of(('name="data"; filename="a"', data), (f'name="labels"; {said}', b"sad,happy"))
    assert error_of(requests.post(door.url, **form, timeout=60)) == (400, "bad_form")
    assert inbox(door) == []


@pytest.mark.parametrize("name", ["second", "data"])
def test_a_file_that_nobody_has_chosen_is_no_clip(door, clip, expected, name):
    """As browsers send it."""
    none = (f'name="{name}"; filename=""', b"")
    form = form_of(none, ('name="first"; filename="a.mp4"', clip.read_bytes()), none)
    assert requests.post(door.url, **form, timeout=60).json() == expected
    form = form_of(('name="note"', b"of May"), none)
    assert error_of(requests.post(door.url, **form, timeout=60)) == (400, "no_clip")
    assert inbox(door) == []


@pytest.mark.parametrize("words", [(f"x{number:05}" for number in range(200_000)), ["l" * 5_000_000]])
def test_looking_for_names_that_were_meant_otherwise_takes_no_time(words):
    words = dict.fromkeys(words)
    began = time.monotonic()
    assert misspelt(words, QUERY) == ""
    assert time.monotonic() - began < 0.2


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/predictions/affekt", 405, "method_not_allowed"),
        ("POST", "/predictions/other", 404, "no_model"),
        ("GET", "/v2/models/other/ready", 404, "no_model"),
        ("POST", "/models", 405, "method_not_allowed"),
        ("GET", "/predictions/affekt/7/8", 404, "not_found"),
    ],
)
def test_an_address_that_is_none_is_an_error_like_all(door, method, path, status, code):
    assert error_of(requests.request(method, f"{door.base}{path}", data=b"", timeout=30)) == (status, code)


def answer_to(door, sent, *, ended=False):
    """What comes back for what is sent by hand, perhaps by a client that ends its side of the connection then."""
    host, port = door.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as used:
        used.sendall(sent)
        if ended:
            used.shutdown(socket.SHUT_WR)
        return used.makefile("rb").read()


@pytest.mark.parametrize("http_version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    "further", ["", "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n"]
)
def test_a_client_that_ends_its_side_of_the_connection_is_answered(door, clip, expected, http_version, further):
    content = clip.read_bytes()
    head = f"POST /predictions/affekt HTTP/{http_version}\r\nHost: localhost\r\n{further}"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    told = answer_to(door, head.encode() + content, ended=True)
    answer, body = told.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n" if "Expect" in further else b"").split(
        b"\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and json.loads(body) == expected
    assert inbox(door) == []


def test_a_client_that_ends_its_side_of_the_connection_gets_all_answers(door, clip, expected):
    ping = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert answer_to(door, 3 * ping, ended=True).count(b'{"status":"Healthy"}') == 3
    assert answer_to(door, ping + ping[:9], ended=True).count(b"HTTP/1.1 200") == 1
    content = clip.read_bytes()
    head = f"POST /predictions/affekt HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    answers = answer_to(door, 2 * (head + content) + ping, ended=True).split(b"HTTP/1.1 200 OK\r\n")
    bodies = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers[1:]]
    assert bodies == [expected, expected, {"status": "Healthy"}]
    assert inbox(door) == []


def test_what_comes_behind_the_last_request_of_a_connection_does_not_harm_it(door):
    """Old clients send a line end behind a body, which may arrive with it or later."""
    sent = b"POST /predictions/affekt HTTP/1.0\r\nHost: localhost\r\nContent-Length: 7\r\n\r\nno clip"
    host, port = door.base.removeprefix("http://").split(":")
    for parts in ([sent + b"\r\n"], [sent, b"\r\n"]):
        with socket.create_connection((host, int(port)), timeout=60) as used:
            used.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in parts:
                used.sendall(part)
            answer = used.makefile("rb").read()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "unreadable"


def test_line_ends_before_a_request_are_passed_over(door):
    """RFC 9112 asks that of servers, since old clients send them behind a body."""
    one = b"POST /predictions/affekt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7\r\n\r\nno clip"
    last = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    host, port = door.base.removeprefix("http://").split(":")
    for parts in ([b"\r\n" + one + b"\r\n\n" + last], [b"\r", b"\n", one, b"\r\n", one + b"\r\n", last]):
        with socket.create_connection((host, int(port)), timeout=60) as used:
            used.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in parts:
                used.sendall(part)
                time.sleep(0.1)
            answers = used.makefile("rb").read()
        codes = re.findall(rb"HTTP/1.1 (\d+)", answers)
        assert codes == [*[b"400"] * b"".join(parts).count(b"POST"), b"200"] and b"bad_http" not in answers


@pytest.mark.parametrize(
    ("host", "given", "status"),
    [
        ("localhost", "elsewhere", b"200"),
        ("LOCALHOST:80", "localhost", b"200"),
        ("elsewhere", "localhost", b"421"),
        ("user@localhost", "localhost", b"404"),
    ],
)
def test_a_target_may_be_a_whole_address_whose_host_counts(door, host, given, status):
    sent = f"GET http://{host}/v2/models/affekt?x=1 HTTP/1.1\r\nHost: {given}\r\nConnection: close\r\n\r\n"
    assert answer_to(door, sent.encode()).startswith(b"HTTP/1.1 " + status)


TWO_ENDS = (
    b"POST /predictions/affekt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\n"
)


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", TWO_ENDS])
def test_what_is_no_http_is_an_error_like_all_and_ends_the_connection(door, sent):
    answer = answer_to(door, sent)
    assert answer.startswith(b"HTTP/1.1 400")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["code"] == "bad_http"
    given = re.search(rb"x-request-id: ([0-9a-f]{32})", head)
    assert given and given[1].decode() in door.logs[0].read_text()


def test_what_is_no_http_is_counted_like_all_that_is_refused(door):
    def counted() -> float:
        text = requests.get(f"{door.base}/metrics", timeout=9).text
        found = re.search(r'^affekt_requests_total\{code="bad_http",route="other",status="400"\} (.*)$', text, re.M)
        return float(found[1]) if found else 0.0

    before = counted()
    answer_to(door, b"hello\r\n\r\n")
    assert counted() == before + 1


def test_a_request_has_an_id_in_answer_and_log(door):
    given = requests.post(door.url, data=b"", headers={"X-Request-Id": "mine-1"}, timeout=30)
    assert given.headers["x-request-id"] == "mine-1"
    made = requests.post(door.url, data=b"", headers={"X-Request-Id": "no good\x01"[:7]}, timeout=30).headers[
        "x-request-id"
    ]
    assert re.fullmatch("[0-9a-f]{32}", made)
    wanted, found = [(400, "no_clip")] * 2, []
    for _ in range(100):  # a line is written once its answer is under way
        texts = [line for line in door.logs[0].read_text().splitlines() if "affekt.door" in line]
        lines = [json.loads(text.split(": ", 1)[1]) for text in texts]
        found = [(line["status"], line["code"]) for line in lines if line["id"] in ("mine-1", made)]
        if found == wanted:
            break
        time.sleep(0.05)
    assert found == wanted


def test_the_open_inference_protocol_is_spoken(door, clip, expected):
    base = f"{door.base}/v2"
    assert requests.get(f"{base}/health/live", timeout=30).json() == {"live": True}
    assert requests.get(f"{base}/health/ready", timeout=30).json() == {"ready": True}
    described = requests.get(f"{base}/models/affekt", timeout=30).json()
    assert described["inputs"][0] == {"name": "clip", "datatype": "BYTES", "shape": [1]}
    content = base64.b64encode(clip.read_bytes()).decode()
    asked = {"id": "a", "inputs": [{"name": "clip", "datatype": "BYTES", "shape": [1], "data": [content]}]}
    said = requests.post(f"{base}/models/affekt/infer", json=asked, timeout=60).json()
    assert (said["id"], said["model_name"], said["model_version"]) == ("a", "affekt", "7")
    outputs = {output["name"]: output for output in said["outputs"]}
    assert outputs["label"]["data"] == [expected["label"]]
    probabilities = outputs["probabilities"]
    assert (
        dict(zip(probabilities["parameters"]["labels"], probabilities["data"], strict=True))
        == expected["probabilities"]
    )
    assert said["parameters"]["answer"] == expected


@pytest.mark.parametrize(
    "asked",
    [
        [],
        {},
        {"inputs": []},
        {"inputs": [7]},
        {"inputs": [{"name": "clip", "data": ["!"]}]},
        {"inputs": [{"name": "x", "data": ["eA=="]}]},
        {"inputs": [{"name": "clip", "data": [["eA==", "eA=="]]}]},
        *({"inputs": [{"name": "clip", "data": ["eA=="], "shape": shape}]} for shape in ([2], [0], [], [1, 2], "1", 1)),
        *({"inputs": [{"name": "clip", "data": ["eA=="]}], "parameters": given} for given in (["labels"], [], "", 0)),
        *({"inputs": [{"name": "clip", "data": ["eA=="]}], "id": given} for given in ({"a": 1}, True)),
        *(
            {"inputs": [{"name": "clip", "data": ["eA=="]}], "outputs": names}
            for names in ("x", [{"name": "x"}], [{}], ["label"], [{"name": "label"}, "label"], 0, "", {})
        ),
    ],
)
def test_inputs_that_are_none_are_refused(door, asked):
    status, code = error_of(requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=30))
    assert (status, code) in ((400, "bad_inputs"), (400, "bad_json"))


def test_outputs_come_as_they_are_asked_for(door, clip):
    content = base64.b64encode(clip.read_bytes()).decode()
    wanted = [{"name": name} for name in ("confidence", "label", "confidence")]
    asked = {"inputs": [{"name": "clip", "data": [content]}], "outputs": wanted, "id": None, "parameters": None}
    said = requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=60).json()
    assert [output["name"] for output in said["outputs"]] == ["confidence", "label"]


def test_binary_tensors_of_the_protocol_are_refused_by_name(door, clip):
    """As clients of other servers send them by default."""
    size = {"binary_data_size": clip.stat().st_size}
    head = json.dumps({"inputs": [{"name": "clip", "datatype": "BYTES", "shape": [1], "parameters": size}]}).encode()
    answer = requests.post(
        f"{door.base}/v2/models/affekt/infer",
        data=head + clip.read_bytes(),
        headers={"Inference-Header-Content-Length": str(len(head))},
        timeout=60,
    )
    assert error_of(answer) == (400, "binary_data")
    assert "Inference-Header-Content-Length" in answer.json()["error"]["message"]


def test_nothing_is_left_of_answered_clips(door):
    requests.post(door.url, data=b"no clip", timeout=60)
    assert inbox(door) == []
    assert 'affekt_busy{version="7"} 0.0' in requests.get(f"{door.base}/metrics", timeout=9).text


def test_labels_that_are_known_are_taken_by_every_way_that_a_clip_comes(door, clip, expected):
    known = list(expected["probabilities"])[:2]
    total = sum(expected["probabilities"][label] for label in known)
    query = {"labels": ",".join(known)}
    plain = requests.post(door.url, data=clip.read_bytes(), params=query, timeout=60).json()
    content = base64.b64encode(clip.read_bytes()).decode()
    inputs = [{"name": "clip", "datatype": "BYTES", "shape": [1], "data": [content]}]
    asked = {"inputs": inputs, "parameters": {"labels": known}}
    spoken = requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=60).json()
    form = requests.post(door.url, files={"data": clip.read_bytes()}, data=query, timeout=60).json()
    for said in (plain, form, spoken["parameters"]["answer"]):
        assert said["known_labels"] == known and said["label"] in known
        assert said["confidence"] == pytest.approx(expected["probabilities"][said["label"]] / total)
    timeline = f"{door.base}/timeline/affekt"
    (window, *_) = requests.post(timeline, data=clip.read_bytes(), params=query, timeout=60).json()["windows"]
    assert sum(window["probabilities"][label] for label in known) == pytest.approx(1)


def test_a_word_that_is_no_label_is_refused_with_the_nearest_one(door, clip):
    answer = requests.post(f"{door.url}?labels=hapy,sad", data=clip.read_bytes(), timeout=60)
    assert error_of(answer) == (400, "unknown_label")
    assert "did you mean happy?" in answer.json()["error"]["message"]
    asked = {"inputs": [{"name": "clip", "data": ["AAAA"]}], "parameters": {"labels": [1]}}
    assert error_of(requests.post(f"{door.base}/v2/models/affekt/infer", json=asked, timeout=30)) == (400, "bad_query")
    assert inbox(door) == []


@pytest.mark.parametrize(
    ("path", "send", "code", "meant"),
    [
        ("/predictions/affekt?label=happy,sad", {"data": b"clip"}, "bad_query", "labels"),
        ("/predictions/affekt/7?Person=ann", {"data": b"clip"}, "bad_query", "person"),
        ("/timeline/affekt?evry=1", {"data": b"clip"}, "bad_query", "every"),
        ("/explanations/affekt?frame=1", {"data": b"clip"}, "bad_query", "frames"),
        ("/predictions/affekt", {"files": {"data": b"clip"}, "data": {"lables": "happy,sad"}}, "bad_form", "labels"),
        ("/predictions/affekt", {"json": {"uri": "s3://mine/clip.mp4", "persons": "ann"}}, "bad_json", "person"),
        ("/v2/models/affekt/infer?timing=1", {"json": {"inputs": []}}, "bad_query", "timings"),
        ("/v2/models/affekt/infer", {"json": {"inputs": [], "parameters": {"label": "sad"}}}, "bad_inputs", "labels"),
    ],
)
def test_a_name_that_was_meant_as_another_one_is_told(door, path, send, code, meant):
    """Passed over, the answer would be that to another question."""
    answer = requests.post(f"{door.base}{path}", **send, timeout=60)
    assert error_of(answer) == (400, code)
    assert f"did you mean {meant}?" in answer.json()["error"]["message"]
    assert inbox(door) == []


ONE = {"name": "clip", "datatype": "BYTES", "shape": [1], "data": ["AAAA"]}


@pytest.mark.parametrize(
    ("path", "send", "code", "place"),
    [
        ("/timeline/affekt", {"files": {"data": b"clip"}, "data": {"every": "1"}}, "bad_form", "?every="),
        ("/timeline/affekt", {"json": {"uri": "s3://mine/clip.mp4", "every": 1}}, "bad_json", "?every="),
        ("/explanations/affekt", {"files": {"data": b"clip"}, "data": {"label": "sad"}}, "bad_form", "?label="),
        ("/explanations/affekt", {"json": {"uri": "s3://mine/clip.mp4", "frames": 5}}, "bad_json", "?frames="),
        ("/predictions/affekt", {"files": {"data": b"clip"}, "data": {"timings": "1"}}, "bad_form", "?timings="),
        ("/v2/models/affekt/infer", {"json": {"inputs": [ONE], "labels": ["sad"]}}, "bad_inputs", '"parameters"'),
        ("/v2/models/affekt/infer", {"json": {"inputs": [{**ONE, "person": "ann"}]}}, "bad_inputs", '"parameters"'),
        (
            "/v2/models/affekt/infer",
            {"json": {"inputs": [{**ONE, "parameters": {"labels": "sad,happy"}}]}},
            "bad_inputs",
            '"parameters"',
        ),
        (
            "/v2/models/affekt/infer",
            {"json": {"inputs": [ONE], "parameters": {"timings": True}}},
            "bad_inputs",
            "?timings=",
        ),
    ],
)
def test_a_name_that_stands_where_it_is_not_read_is_told_its_place(door, path, send, code, place):
    """Passed over, the answer would be that to another question."""
    answer = requests.post(f"{door.base}{path}", **send, timeout=60)
    assert error_of(answer) == (400, code)
    assert "it belongs into" in (message := answer.json()["error"]["message"]) and place in message
    assert inbox(door) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predictions/affekt", '{"uri": "s3://mine/a.mp4", "uri": "s3://mine/b.mp4"}'),
        ("/predictions/affekt", '{"uri": "s3://mine/a.mp4", "labels": "sad,happy", "labels": "fear,sad"}'),
        ("/v2/models/affekt/infer", '{"inputs": [], "parameters": {"person": "ann", "person": "bob"}}'),
    ],
)
def test_a_document_with_a_name_twice_is_refused_where_it_says_two_things(door, path, body):
    answer = requests.post(f"{door.base}{path}", data=body, headers={"Content-Type": "application/json"}, timeout=60)
    assert error_of(answer) == (400, "bad_json")
    assert "twice, and differently" in answer.json()["error"]["message"]
    once = body.replace("b.mp4", "a.mp4").replace("fear,sad", "sad,happy").replace("bob", "ann")
    answer = requests.post(f"{door.base}{path}", data=once, headers={"Content-Type": "application/json"}, timeout=60)
    assert error_of(answer) != (400, "bad_json")


def test_names_that_are_nobodys_are_passed_over(door, clip, expected):
    with clip.open("rb") as file:
        answer = requests.post(f"{door.url}?utm_source=a&_=5", files={"label": file}, data={"note": "a"}, timeout=60)
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predictions/affekt?labels=happy,sad&labels=fear,sad", {"data": b"clip"}),
        ("/predictions/affekt?labels=happy,sad", {"files": {"data": b"clip"}, "data": {"labels": "fear,sad"}}),
        ("/predictions/affekt", {"json": {"uri": "s3://mine/a.mp4", "labels": {"happy": 1}}}),
        ("/v2/models/affekt/infer?labels=happy,sad", {"json": {"inputs": [], "parameters": {"labels": "fear,sad"}}}),
        ("/timeline/affekt?every=1&every=2", {"data": b"clip"}),
        ("/explanations/affekt?label=happy&label=sad", {"data": b"clip"}),
        ("/explanations/affekt?labels=happy,sad", {"data": b"clip"}),
        ("/predictions/affekt?timings=yes", {"data": b"clip"}),
        ("/predictions/affekt?timings=0&timings=1", {"data": b"clip"}),
        ("/v2/models/affekt/infer?timings=true", {"json": {"inputs": []}}),
    ],
)
def test_what_cannot_be_meant_is_refused_rather_than_passed_over(door, path, body):
    assert error_of(requests.post(f"{door.base}{path}", timeout=30, **body)) == (400, "bad_query")
    assert inbox(door) == []


def test_every_header_of_an_encoding_counts(door):
    connection = http.client.HTTPConnection(door.base.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/predictions/affekt")
    for name, value in (("Content-Length", "4"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")):
        connection.putheader(name, value)
    connection.endheaders(b"clip")
    assert connection.getresponse().status == 415
    connection.close()


def test_a_person_is_named_by_every_way_that_a_clip_comes(door, clip, expected):
    content, second, third = (file.read_bytes() for file in sorted(clip.parent.iterdir())[:3])
    infer = f"{door.base}/v2/models/affekt/infer"
    plain = requests.post(door.url, data=content, params={"person": "p-1"}, timeout=60).json()
    again = requests.post(door.url, files={"data": content}, data={"person": "p-1"}, timeout=60).json()
    form = requests.post(door.url, files={"data": second}, data={"person": "p-1"}, timeout=60).json()
    inputs = [{"name": "clip", "data": [base64.b64encode(third).decode()]}]
    spoken = requests.post(infer, json={"inputs": inputs, "parameters": {"person": "p-1"}}, timeout=60).json()
    said = [plain, again, form, spoken["parameters"]["answer"]]
    assert [each.pop("earlier_clips") for each in said] == [0, 0, 1, 2]
    assert plain == expected and again["models"] == expected["models"]
    other = requests.post(door.url, data=content, params={"person": "p-2"}, timeout=60).json()
    assert other.pop("earlier_clips") == 0 and other == expected


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predictions/affekt?person=a%20b", {"data": b"clip"}),
        ("/predictions/affekt?person=a", {"files": {"data": b"clip"}, "data": {"person": "b"}}),
        ("/predictions/affekt?person=a&person=b", {"data": b"clip"}),
        ("/predictions/affekt", {"files": {"data": b"clip"}, "data": {"person": ["a", "b"]}}),
        ("/predictions/affekt", {"json": {"uri": "s3://mine/a.mp4", "person": 7}}),
        ("/timeline/affekt?person=a", {"data": b"clip"}),
        ("/v2/models/affekt/infer", {"json": {"inputs": [], "parameters": {"person": ["a"]}}}),
    ],
)
def test_a_person_that_cannot_be_named_so_is_refused_and_nothing_is_left(door, path, body):
    assert error_of(requests.post(f"{door.base}{path}", timeout=30, **body)) == (400, "bad_person")
    assert inbox(door) == []
