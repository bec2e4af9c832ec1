"""Tiny real clips, and trees of empty files where only the names matter."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from imageio_ffmpeg import get_ffmpeg_exe

MakeClip = Callable[..., Path]


@pytest.fixture(scope="session")
def make_clip() -> MakeClip:
    """Write a clip of a test picture and a tone; another ``mark`` gives other content."""

    def make(path: Path, *, seconds: float = 0.4, picture: bool = True, sound: bool = True, mark: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [get_ffmpeg_exe(), "-v", "error", "-y", "-nostdin"]
        if picture:
            command += ["-f", "lavfi", "-i", f"color=0x{mark * 7919 % 0xFFFFFF:06x}:s=48x32:r=10:d={seconds}"]
        if sound:
            command += ["-f", "lavfi", "-i", f"sine=f={300 + mark}:r=11025:d={seconds}"]
        subprocess.run([*command, "-metadata", f"title={mark}", str(path)], check=True)
        return path

    return make


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[Iterable[str]], str]:
    """Make empty files of the given relative paths and return their folder."""

    def make(names: Iterable[str]) -> str:
        for name in names:
            path = tmp_path / "data" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return str(tmp_path / "data")

    return make


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[[str], str]:
    """Write a manifest with these lines beside four empty clips a.mp4 to d.mp4 and return its folder."""

    def make(lines: str) -> str:
        for name in "abcd":
            (tmp_path / f"{name}.mp4").touch()
        (tmp_path / "manifest.csv").write_text(lines, encoding="utf-8")
        return str(tmp_path)

    return make
