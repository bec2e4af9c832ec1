"""Clips that a request names: they come from a real S3 service, and from buckets that are allowed alone."""

from __future__ import annotations

import asyncio

import boto3
import pytest
from moto.server import ThreadedMotoServer

from affekt.serving.door.fetching import fetched
from affekt.serving.door.inbox import Inbox
from affekt.serving.door.refusal import Refusal

#: More than a piece of a body.
CLIP = bytes(range(256)) * (3 << 12)


@pytest.fixture
def service(monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
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
    assert (inbox.used, list(tmp_path.iterdir())) == (0, [])
