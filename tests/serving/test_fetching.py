"""Clips that a request names: they come from a real S3 service, and from buckets that are allowed alone."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from moto.server import ThreadedMotoServer

from affekt.serving.door.fetching import fetched
from affekt.serving.door.inbox import Inbox
from affekt.serving.door.refusal import Refusal
from affekt.serving.door.versions import Gone

#: More than a piece of a body.
CLIP = bytes(range(256)) * (3 << 12)


def _set(monkeypatch, endpoint):
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.fixture
def service(monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    _set(monkeypatch, f"http://{host}:{port}")
    s3 = boto3.session.Session("key", "secret", region_name="us-east-1").client(
        "s3", endpoint_url=f"http://{host}:{port}"
    )
    for bucket in ("mine", "theirs"):
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="of a day/ä.mp4", Body=CLIP)
    s3.put_object(Bucket="mine", Key="empty.mp4", Body=b"")
    yield s3
    server.stop()


def test_an_object_of_an_allowed_bucket_is_the_clip_and_what_cannot_be_fetched_is_told(service, tmp_path):
    inbox = Inbox(tmp_path, len(CLIP))

    def ask(uri, box=inbox):
        try:
            with asyncio.run(fetched({"uri": uri}, ["mine", "none"], box)) as clip:
                return clip.path.read_bytes()
        except Refusal as refusal:
            return refusal.status, refusal.code

    assert ask("s3://mine/of a day/ä.mp4") == CLIP
    assert ask("s3://theirs/of a day/ä.mp4") == (403, "bucket_not_allowed")
    assert ask("s3://mine/of another day.mp4") == (404, "no_object")
    assert ask("s3://none/of a day/ä.mp4") == (404, "no_object")
    assert ask("s3://mine/empty.mp4") == (400, "no_clip")
    assert ask("s3://mine/of a day/ä.mp4", Inbox(tmp_path, len(CLIP) - 1)) == (413, "too_large")
    for key in ("../theirs/of a day/ä.mp4", "of a day/../of a day/ä.mp4", "./of a day/ä.mp4", ".."):
        assert ask(f"s3://mine/{key}") == (400, "bad_uri")
    assert (inbox.used, list(tmp_path.iterdir())) == (0, [])


@pytest.fixture
def stand_in(monkeypatch):
    """An S3 that denies an object, and sends another one but for its end until it is let go on."""
    goes_on = threading.Event()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            denied = self.path.endswith("denied")
            self.send_response(403 if denied else 200)
            body = b"<Error><Code>AccessDenied</Code></Error>" if denied else CLIP
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"a"')
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body[:-1])
                if self.path.endswith("slow"):
                    goes_on.wait(60)
                self.wfile.write(body[-1:])

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _set(monkeypatch, f"http://127.0.0.1:{server.server_port}")
        yield goes_on
        goes_on.set()
        server.shutdown()


def test_an_object_that_the_server_may_not_read_is_no_failure_that_passes(stand_in, tmp_path):
    with pytest.raises(Refusal) as refused:
        asyncio.run(fetched({"uri": "s3://mine/denied"}, ["mine"], Inbox(tmp_path, len(CLIP))))
    assert (refused.value.status, refused.value.code, refused.value.headers) == (403, "object_denied", {})


def test_a_storage_that_is_slow_holds_up_no_other_clip_and_not_the_end_of_the_server(stand_in, tmp_path):
    inbox = Inbox(tmp_path, len(CLIP))

    async def ask():
        slow = [asyncio.create_task(fetched({"uri": "s3://mine/slow"}, ["mine"], inbox)) for _ in range(40)]
        await asyncio.sleep(0)
        with await fetched({"uri": "s3://mine/quick"}, ["mine"], inbox) as clip:
            assert clip.size == len(CLIP)
        for task in slow:
            task.cancel()

    started = time.monotonic()
    asyncio.run(ask())
    assert time.monotonic() - started < 20


def test_a_clip_is_not_fetched_for_a_caller_who_has_gone_nor_for_ever(stand_in, tmp_path):
    inbox = Inbox(tmp_path, len(CLIP), body_seconds=0.5)

    async def ask(gone=None):
        await fetched({"uri": "s3://mine/slow"}, ["mine"], inbox, gone and asyncio.create_task(gone))

    with pytest.raises(Gone):
        asyncio.run(ask(asyncio.sleep(0.1)))
    with pytest.raises(Refusal, match="not all of the object in 0 s") as refused:
        asyncio.run(ask())
    assert (refused.value.status, refused.value.code) == (502, "storage_failed")
    stand_in.set()
    ends = time.monotonic() + 20
    while (inbox.used, list(tmp_path.iterdir())) != (0, []):
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_system_without_room_for_a_thread_is_a_server_without_room_for_as_long(stand_in, tmp_path, monkeypatch):
    def refused(_):
        raise RuntimeError("can't start new thread")

    async def ask():
        with monkeypatch.context() as without:
            without.setattr(threading.Thread, "start", refused)
            for _ in range(100):
                with pytest.raises(Refusal) as full:
                    await fetched({"uri": "s3://mine/quick"}, ["mine"], inbox)
                assert (full.value.status, full.value.code) == (503, "no_room")
        with await fetched({"uri": "s3://mine/quick"}, ["mine"], inbox) as clip:
            return clip.size

    inbox = Inbox(tmp_path, len(CLIP))
    assert asyncio.run(ask()) == len(CLIP)
