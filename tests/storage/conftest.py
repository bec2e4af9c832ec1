"""A real S3 service with one bucket, and a real web server, on the loopback interface."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Site:
    """What a web server has, and how it misbehaves.

    Attributes:
        files: content by path.
        kinds: content type by path, where it is not that of any file.
        moved: path to where it leads.
        cut: of these paths only so many bytes are sent, once, before the connection ends.
        slow: seconds between the bytes of these paths.
        unsized: paths that are sent without a length.
        seen: paths that were asked for, with the ``Range`` header.
    """

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, bytes] = {}
        self.kinds: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.cut: dict[str, int] = {}
        self.slow: dict[str, float] = {}
        self.unsized: set[str] = set()
        self.seen: list[tuple[str, str | None]] = []


@pytest.fixture
def web() -> Iterator[Site]:
    """A web server on the loopback interface that knows ranges and versions, as file servers do."""
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked = self.headers["Range"]
            site.seen.append((path, asked))
            if path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if path not in site.files:
                self.send_error(404)
                return
            content = site.files[path]
            version = f'"{hashlib.sha256(content).hexdigest()[:8]}"'
            first = int(asked[len("bytes=") : -1]) if asked and self.headers["If-Range"] == version else 0
            if first and first >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Type", site.kinds.get(path, "application/octet-stream"))
            if path not in site.unsized:
                self.send_header("Content-Length", str(len(content) - first))
            self.send_header("ETag", version)
            self.end_headers()
            rest = content[first:][: site.cut.pop(path, len(content))]
            if path not in site.slow:
                self.wfile.write(rest)
                return
            for byte in rest:
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:  # the client has had enough
                    return
                time.sleep(site.slow[path])

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
