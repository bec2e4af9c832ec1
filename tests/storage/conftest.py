"""A real S3 service on the loopback interface, with one bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def s3_service() -> Iterator[Any]:
    """A client of the service, which stops with the last test."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.session.Session("key-of-a-test", "secret-of-a-test", region_name="us-east-1")
    yield session.client("s3", endpoint_url=f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def bucket(s3_service: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket that boto3 finds by the environment alone: ``s3://clips``."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_service.meta.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-a-test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-a-test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")  # objects on a page of a listing; 1,000 is usual
    s3_service.create_bucket(Bucket="clips")
    yield "s3://clips"
    requests.post(f"{s3_service.meta.endpoint_url}/moto-api/reset", timeout=10).raise_for_status()
