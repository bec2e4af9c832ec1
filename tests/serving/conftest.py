"""One TorchServe with a tiny ensemble for all tests that only ask it, and clips to ask about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from affekt.serving.server import LocalServer


@pytest.fixture(scope="session")
def clip(sample_clips: Path) -> Path:
    """A clip that can be used."""
    return sorted(sample_clips.rglob("*.mp4"))[0]


@pytest.fixture(scope="session")
def no_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is no clip."""
    path = tmp_path_factory.mktemp("clips") / "no clip.mp4"
    path.write_bytes(b"this is no clip")
    return path


@pytest.fixture(scope="session")
def server(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running server."""
    home = tmp_path_factory.mktemp("home")
    with LocalServer(tiny_ensemble, version="7", workers=1, home=home) as running:
        yield running


@pytest.fixture(scope="session")
def door(tiny_ensemble: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A running server with the direct engine, which starts sooner."""
    home = tmp_path_factory.mktemp("direct")
    with LocalServer(
        tiny_ensemble, engine="direct", version="7", workers=1, room=8, home=home, buckets=["mine"]
    ) as running:
        yield running
