"""Deadlines and fairness: who has gone is not computed, who is slow is closed, and a full line says so at once."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import time

import psutil
import pytest
import requests
import uvicorn
from uvicorn.server import ServerState

from affekt.serving.door import http, inbox
from affekt.serving.door.line import Full, Line


def test_the_line_is_first_come_first_served_and_full_at_its_length():
    async def scene():
        line, order, go = Line(1, 2), [], asyncio.Event()

        async def one(number):
            async with line:
                order.append(number)
                await go.wait()

        tasks = []
        for number in range(3):
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(0)
        with pytest.raises(Full):
            await one(3)
        go.set()
        await asyncio.gather(*tasks)
        return order, line.busy, line.waiting

    assert asyncio.run(scene()) == ([0, 1, 2], 0, 0)


def test_who_leaves_the_line_takes_no_turn():
    async def scene():
        line, order = Line(1, 5), []

        async def one(number):
            async with line:
                order.append(number)
                await asyncio.sleep(0.01)

        tasks = [asyncio.create_task(one(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0.005)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return order, line.busy

    assert asyncio.run(scene()) == ([0, 3], 0)


def test_a_line_that_takes_over_waits_for_those_who_came_before_but_not_for_ever():
    async def scene(seconds):
        old, new, order = Line(2, 5), Line(2, 5), []
        go = asyncio.Event()

        async def one(line, name):
            async with line:
                order.append(name)
                await (asyncio.sleep(0) if name == "c" else go.wait())

        tasks = [asyncio.create_task(one(old, name)) for name in "abc"]
        await asyncio.sleep(0)
        new.follow(old, seconds)
        tasks += [asyncio.create_task(one(new, name)) for name in "de"]
        await asyncio.sleep(0.02)
        before = "".join(order)
        go.set()
        await asyncio.gather(*tasks)
        return before, "".join(order), old.busy, new.busy

    assert asyncio.run(scene(60.0)) == ("ab", "abcde", 0, 0)
    assert asyncio.run(scene(0.01))[0] == "abde"


@pytest.fixture(params=["direct", pytest.param("torchserve", marks=pytest.mark.slow)])
def either(request):
    """A server of either engine."""
    return request.getfixturevalue({"direct": "door", "torchserve": "server"}[request.param])


def sent(door, text):
    host, port = door.base.removeprefix("http://").split(":")
    used = socket.create_connection((host, int(port)), timeout=30)
    used.sendall(text)
    return used


def metric(door, name):
    text = requests.get(f"{door.base}/metrics", timeout=30).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def head(door, size):
    return f"POST /predictions/affekt HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()


def pid(door):
    """The worker of a server with one."""
    children = psutil.Process(door.running_server().process).children(recursive=True)
    kinds = ("affekt.serving.engines.worker", "model_service_worker")
    return next(child.pid for child in children if any(kind in " ".join(child.cmdline()) for kind in kinds))


def waits(door, count):
    ends = time.monotonic() + 30
    while (found := metric(door, 'affekt_waiting{version="7"}')) != count and time.monotonic() < ends:
        time.sleep(0.01)
    return found


def test_a_full_line_says_so_at_once_and_callers_who_have_gone_are_not_computed(either, clip):
    content = clip.read_bytes()
    room = either.options.room
    callers = [sent(either, head(either, len(content)) + content) for _ in range(room + 1)]
    assert waits(either, room) == room
    answer = requests.post(either.url, data=b"x", timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.elapsed.total_seconds() < 1
    for used in callers:
        used.close()
    assert waits(either, 0) == 0
    started = time.monotonic()
    assert requests.post(either.url, data=b"no clip", timeout=60).json()["error"]["code"] == "unreadable"
    assert time.monotonic() - started < 0.2 * room


def test_a_caller_who_has_gone_is_not_counted_as_a_fault_of_the_server(either, clip):
    content, ends = clip.read_bytes(), time.monotonic() + 30
    sent(either, head(either, len(content)) + content).close()
    counted = 'affekt_requests_total{code="gone",route="/predictions/{model}",status="499"}'
    while counted not in (text := requests.get(f"{either.base}/metrics", timeout=30).text):
        assert time.monotonic() < ends, text
        time.sleep(0.05)
    assert not re.search(r'affekt_requests_total\{code="gone",[^}]*status="5', text)


def test_a_stopped_worker_is_noticed_replaced_and_not_ready_meanwhile(either, clip):
    """Neither the clip that it had nor the next one is lost with it."""
    first, content = pid(either), clip.read_bytes()
    with sent(either, head(either, len(content)) + content) as caller:
        time.sleep(0.05)
        os.kill(first, signal.SIGSTOP)
        _replaced(either, first)
        assert caller.makefile("rb").readline().startswith(b"HTTP/1.1 200")


def _replaced(either, first):
    ends = time.monotonic() + 5  # the system says of a process that it is stopped a moment after the signal
    while (answer := requests.get(f"{either.base}/v2/health/ready", timeout=30)).status_code == 200:
        assert time.monotonic() < ends, "a stopped worker was not noticed"
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    assert int(answer.headers["Retry-After"]) > 0
    assert requests.post(either.url, data=b"no clip", timeout=60).json()["error"]["code"] == "unreadable"
    assert pid(either) != first
    assert requests.get(f"{either.base}/v2/health/ready", timeout=30).status_code == 200


def test_a_worker_that_is_stopped_while_it_loads_is_replaced_as_well(either):
    first = pid(either)
    os.kill(first, signal.SIGKILL)
    ends = time.monotonic() + 60
    while (second := _another(either, first)) is None:
        assert time.monotonic() < ends, "no worker was started again"
        time.sleep(0.01)
    os.kill(second, signal.SIGSTOP)
    assert requests.get(f"{either.base}/v2/health/ready", timeout=30).status_code == 503
    while requests.get(f"{either.base}/v2/health/ready", timeout=30).status_code != 200:
        assert time.monotonic() < ends, "the stopped worker was waited for"
        time.sleep(0.1)
    assert pid(either) not in (first, second)
    assert requests.post(either.url, data=b"no clip", timeout=60).json()["error"]["code"] == "unreadable"


def _another(door, than):
    with contextlib.suppress(StopIteration, psutil.Error):
        return found if (found := pid(door)) != than else None


def test_a_body_that_stops_and_a_head_that_stops_are_closed():
    """Their times, and what closes them; waiting for fifteen seconds shows no more."""

    class Silent:
        state = type("State", (), {})()

        async def receive(self):
            await asyncio.sleep(60)

    async def scene(folder):
        box = inbox.Inbox(folder, 100, idle_seconds=0.01)
        async for _ in box.chunks(Silent()):
            pass

    with pytest.raises(inbox.Refusal) as raised:
        asyncio.run(scene("/tmp"))
    assert (raised.value.status, raised.value.code) == (408, "slow_body")
    assert 0 < http.HEAD_SECONDS <= 30 and 0 < inbox.IDLE_SECONDS <= 30


def test_a_disk_that_is_used_up_is_said_and_not_filled(tmp_path):
    box = inbox.Inbox(tmp_path, 100, disk_bytes=15)
    with box.writer() as first:
        first.write(b"0123456789")
        kept = first.done()
    with pytest.raises(inbox.Refusal) as raised, box.writer() as second:
        second.write(b"0123456789")
    assert (raised.value.status, raised.value.code, "Retry-After" in raised.value.headers) == (503, "no_room", True)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    kept.remove()
    assert (box.used, list(tmp_path.iterdir())) == (0, [])


@pytest.mark.parametrize("act", ["done", "restart"])
def test_a_disk_without_room_for_the_last_bytes_is_said_and_nothing_stays(tmp_path, act):
    """They are written when the file is closed, or begun again."""
    box = inbox.Inbox(tmp_path, 100)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(inbox.Refusal) as raised, box.writer() as writer:
        writer.write(b"0123456789")
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, before[1]))
        try:
            getattr(writer, act)()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (raised.value.status, raised.value.code) == (503, "no_room")
    assert (box.used, list(tmp_path.iterdir())) == (0, [])


def test_a_disk_that_takes_no_further_file_is_said(tmp_path):
    """It is out of inodes; here the folder itself is gone, as root may write everywhere else."""
    (folder := tmp_path / "clips").mkdir()
    box = inbox.Inbox(folder, 100)
    folder.rmdir()
    with pytest.raises(inbox.Refusal) as raised:
        box.writer()
    assert (raised.value.status, raised.value.code) == (503, "no_room")


@pytest.mark.slow
def test_half_of_a_request_is_closed(either):
    for text, code in ((b"POST /predictions/affekt HT", None), (head(either, 100) + b"x", "slow_body")):
        with sent(either, text) as used:
            answer = used.makefile("rb").read()
        assert code is None or json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == code


@pytest.mark.parametrize("pause", [None, 0.05])
def test_the_rest_of_a_body_that_nobody_wants_has_its_time_as_well(monkeypatch, pause):
    """Whether it stops or trickles; a connection that stayed open for it would take the place of another one."""
    monkeypatch.setattr(http, "IDLE_SECONDS", 0.2, raising=False)
    monkeypatch.setattr(http, "BODY_SECONDS", 0.6, raising=False)

    async def nothing(scope, receive, send):
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def act() -> float:
        config = uvicorn.Config(nothing, log_config=None, lifespan="off")
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: http.Protocol(config, ServerState(), {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        began, closed = time.monotonic(), asyncio.create_task(reader.read())
        writer.write(b"x")
        while not closed.done() and time.monotonic() - began < 5:
            await asyncio.sleep(pause or 0.01)
            if pause and not closed.done():
                writer.write(b"x")
        writer.close()
        server.close()
        return time.monotonic() - began

    assert (0.1 if pause is None else 0.5) < asyncio.run(act()) < 4


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone closes such connections")
def test_who_does_not_take_an_answer_is_taken_for_gone(monkeypatch):
    monkeypatch.setattr(http, "UNREAD_SECONDS", 0.5, raising=False)

    async def much(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(8 << 20)})

    async def act() -> int:
        config, state = uvicorn.Config(much, log_config=None, lifespan="off"), ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: http.Protocol(config, state, {}), "127.0.0.1", 0)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(server.sockets[0].getsockname())
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            ends = time.monotonic() + 10
            while not state.total_requests or (state.connections and time.monotonic() < ends):
                await asyncio.sleep(0.05)
        server.close()
        return len(state.connections)

    assert asyncio.run(act()) == 0


def test_json_documents_that_are_on_their_way_take_so_much_memory_and_no_more(door, clip):
    """A caller who sends most of one and waits keeps it; those of others stay small enough, or are told to wait."""
    process = next(
        each
        for each in psutil.Process(door.running_server().process).children(recursive=True)
        if "affekt.serving.door.process" in each.cmdline()
    )
    before, length = process.memory_info().rss, 32 << 20
    asked = f"POST /v2/models/affekt/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        answers = []
        for _ in range(16):
            caller = stack.enter_context(sent(door, asked))
            caller.settimeout(1)
            with contextlib.suppress(OSError):  # a caller who is refused may be cut off
                caller.sendall(b'{"a": "' + bytes(length - 1000))
            answers.append(caller)
        assert process.memory_info().rss - before < 400 << 20
        said = [caller for caller in answers if select.select([caller], [], [], 0)[0]]
        assert said and b"503 Service Unavailable" in said[0].recv(64)
        data = [base64.b64encode(clip.read_bytes()[:1000]).decode()]
        small = {"inputs": [{"name": "clip", "datatype": "BYTES", "shape": [1], "data": data}]}
        assert requests.post(f"{door.base}/v2/models/affekt/infer", json=small, timeout=60).status_code == 400
        assert requests.post(door.url, data=clip.read_bytes(), timeout=60).status_code == 200
