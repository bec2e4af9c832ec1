"""What the tests of the store share: a prepared clip, clip files, and a bucket."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from affekt.media import PreparedClip
from affekt.storage import s3
from tests.media.conftest import astronaut, film, make_clip, pattern, settings, voiced

__all__ = ["astronaut", "film", "make_clip", "pattern", "settings"]

MakeClip = Callable[..., Path]
Film = Callable[[str, np.ndarray], Path]


@pytest.fixture
def clip() -> PreparedClip:
    chance = np.random.default_rng(0)
    return PreparedClip(
        faces=chance.integers(0, 255, (5, 8, 8, 3), dtype=np.uint8),
        present=np.array([True, True, False, True, True]),
        boxes=chance.random((5, 4), dtype=np.float32),
        times=np.arange(5, dtype=np.float32) / 25,
        functionals=chance.random(88, dtype=np.float32),
        voice=True,
        flags=("black_frames",),
        details={"black_frames": 1, "seconds": 0.2},
    )


@pytest.fixture(scope="session")
def speaking(make_clip: MakeClip, film: Film, astronaut: np.ndarray) -> list[Path]:
    """Three different short clips with a face and something like a voice."""
    clips = []
    for number in range(3):
        frames = np.repeat(astronaut[None, ::2, ::2], 12, axis=0) - np.uint8(0)
        frames[:, :, : 10 + number] = 99
        silent = film(f"head{number}", frames)
        voice = voiced(1.2, 130 + 20 * number)
        clips.append(make_clip(f"speaking{number}.mp4", "-i", silent, *voice, "-c:v", "copy"))
    return clips


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AFFEKT_HOME": str(tmp_path / "home"),
    }.items():
        monkeypatch.setenv(name, value)
    s3._client.cache_clear()
    name = f"clips-{uuid.uuid4().hex[:8]}"  # what was put into a bucket outlives its server
    boto3.client("s3").create_bucket(Bucket=name)
    yield name
    server.stop()
