"""Clips of every awkward kind, made by the same ffmpeg that decodes them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from affekt.settings import MediaSettings, load_settings

MakeClip = Callable[..., Path]


def voiced(seconds: float, pitch: int = 140) -> list[str]:
    """ffmpeg's arguments for a sound like a voice: harmonics of a gliding pitch that swell, with some noise."""
    phase = f"2*PI*({pitch}*t-3.7*cos(2*PI*1.3*t))"
    tone = "+".join(f"sin({number}*{phase})/{number}" for number in range(1, 10))
    sound = f"0.1*({tone})*(0.6+0.4*sin(2*PI*3*t))+0.01*(2*random(0)-1)"
    return ["-f", "lavfi", "-i", f"aevalsrc='{sound}':s=16000:d={seconds}"]


@pytest.fixture(scope="session")
def settings() -> MediaSettings:
    return replace(load_settings("small").media, face_size=64)


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Call with a file name and ffmpeg's arguments; the file is made once a session."""
    folder = tmp_path_factory.mktemp("clips")

    def make(name: str, *arguments: str | Path) -> Path:
        path = folder / name
        if not path.exists():
            command = [
                imageio_ffmpeg.get_ffmpeg_exe(),
                "-v",
                "error",
                "-nostdin",
                "-y",
                *map(str, arguments),
                str(path),
            ]
            subprocess.run(command, check=True)
        return path

    return make


@pytest.fixture(scope="session")
def pattern() -> list[str]:
    """Arguments for three seconds of moving test picture at 25 frames a second, with a tone."""
    picture = ["-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=3"]
    return [*picture, "-f", "lavfi", "-i", "sine=440:r=44100:d=3"]


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A photograph with one face, uint8 ``[512, 512, 3]`` RGB; the face is about 130 pixels high at (224, 115)."""
    from skimage import data

    return np.asarray(data.astronaut())


@pytest.fixture(scope="session")
def film(make_clip: MakeClip) -> Callable[[str, np.ndarray], Path]:
    """Call with a name and uint8 frames ``[T, H, W, 3]`` RGB: the clip of them, 25 frames a second."""

    def shoot(name: str, frames: np.ndarray) -> Path:
        raw = make_clip(f"{name}.rgb", "-f", "lavfi", "-i", "color=s=2x2:d=0.04", "-f", "rawvideo")
        raw.write_bytes(np.ascontiguousarray(frames).tobytes())
        size = f"{frames.shape[2]}x{frames.shape[1]}"
        reading = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", "25", "-i", raw]
        return make_clip(
            f"{name}.mp4", *reading, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "6", "-pix_fmt", "yuv420p"
        )

    return shoot
