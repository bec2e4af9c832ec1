"""Frames and sound that are in memory already, as a file: they are read on the one path of training and serving."""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path

import numpy as np

from affekt.errors import MediaError
from affekt.media.ffmpeg_command import ffmpeg_binary
from affekt.media.ffmpeg_start import ENVIRONMENT

#: Hz; more is no sound that is recorded.
_FASTEST = 384_000
#: More are samples that stand where channels belong.
_MOST_CHANNELS = 64


@contextmanager
def clip_of_arrays(
    frames: np.ndarray, frame_rate: float, sound: np.ndarray | None = None, sample_rate: int = 16000
) -> Iterator[Path]:
    """A file of these frames and this sound, without loss; it is there within the block.

    Args:
        frames: uint8 ``[T, H, W, 3]`` RGB, or one picture ``[H, W, 3]``.
        frame_rate: frames a second.
        sound: float in [-1, 1] or int16, ``[n]`` or ``[n, channels]``; None for none.
        sample_rate: samples a second.

    Raises:
        MediaError: ``bad_array``: the arrays have another shape or type, or hold nothing.
    """
    frames = frames[np.newaxis] if frames.ndim == 3 else frames
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3 or not frames.size:
        raise MediaError(
            f"expected frames uint8 [T, H, W, 3], got {frames.dtype} {list(frames.shape)}", code="bad_array"
        )
    if not (isinstance(frame_rate, Real) and 0 < frame_rate <= 240):
        raise MediaError(f"expected a frame rate above 0 and up to 240 a second, got {frame_rate!r}", code="bad_array")
    with tempfile.TemporaryDirectory(prefix="affekt-") as folder:
        file = Path(folder, "clip.mkv")
        height, width = frames.shape[1:3]
        reading = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{frame_rate}", "-i", "-"]
        if sound is not None:
            _write_sound(Path(folder, "sound.wav"), sound, sample_rate)
            reading += ["-i", str(Path(folder, "sound.wav")), "-c:a", "pcm_s16le"]
        command = [ffmpeg_binary(), "-v", "error", "-y", *reading, "-c:v", "ffv1", str(file)]
        pixels = np.ascontiguousarray(frames).data
        done = subprocess.run(command, env=ENVIRONMENT, input=pixels, stderr=subprocess.PIPE, check=False)
        if done.returncode:
            raise MediaError(f"the frames cannot be used ({done.stderr.decode(errors='replace')})", code="bad_array")
        yield file


def _write_sound(file: Path, sound: np.ndarray, sample_rate: int) -> None:
    if not isinstance(sound, np.ndarray):
        raise MediaError(f"expected sound as an array, got {type(sound).__name__}", code="bad_array")
    samples = sound[:, np.newaxis] if sound.ndim == 1 else sound
    if samples.ndim != 2 or not samples.size or not (samples.dtype == np.int16 or samples.dtype.kind == "f"):
        raise MediaError(
            f"expected sound as float or int16 [n] or [n, channels], got {sound.dtype} {list(sound.shape)}",
            code="bad_array",
        )
    if samples.shape[1] > _MOST_CHANNELS:
        raise MediaError(
            f"expected sound [n] or [n, channels] with at most {_MOST_CHANNELS} channels, got {list(sound.shape)}; are "
            "samples and channels exchanged?",
            code="bad_array",
        )
    if not (isinstance(sample_rate, Real) and 0 < sample_rate <= _FASTEST and sample_rate == int(sample_rate)):
        raise MediaError(
            f"expected a sample rate in whole Hz, above 0 and up to {_FASTEST:,}, got {sample_rate!r}", code="bad_array"
        )
    if samples.dtype.kind == "f":
        if not np.isfinite(samples).all() or np.abs(samples).max() > 1.001:
            raise MediaError("expected sound as float between -1 and 1", code="bad_array")
        samples = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
    with wave.open(str(file), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(int(sample_rate))
        out.writeframes(np.ascontiguousarray(samples).tobytes())
