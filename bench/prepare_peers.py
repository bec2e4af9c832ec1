"""What a clip costs by other means: OpenCV or PyAV, YuNet on every fifth frame, and openSMILE's functionals.

    python bench/prepare_peers.py opencv|pyav|decoders WEIGHTS HEIGHT CLIP ...

Run by bench/prepare.py, with the interpreter that has these packages. Pictures are searched with their short side
reduced to HEIGHT pixels; decoders have one thread. Prints the processor time a clip, in all and by part, and what was
found as JSON. ``decoders`` are those of libav alone: every picture and sound is decoded, and nothing is done with it.
"""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

EVERY, RATE, FACE = 5, 16000, 96


def cpu_seconds() -> float:
    """User and system time of this process and of its finished children."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def by_opencv(path: str) -> tuple[Iterator[np.ndarray], np.ndarray]:
    """Every fifth picture, BGR, and the sound, which OpenCV leaves to ffmpeg."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-threads", "1", "-i", path, "-vn"]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    sound = np.frombuffer(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout, np.int16)

    def pictures() -> Iterator[np.ndarray]:
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        number = 0
        while capture.grab():
            if number % EVERY == 0:
                yield capture.retrieve()[1]
            number += 1

    return pictures(), sound


def by_pyav(path: str) -> tuple[Iterator[np.ndarray], np.ndarray]:
    """Every fifth picture, BGR, and the sound, in one pass over the file."""
    import av

    pictures, sound, number = [], [], 0
    with av.open(path) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        video.codec_context.thread_count = audio.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for packet in container.demux(video, audio):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    if number % EVERY == 0:
                        pictures.append(frame.to_ndarray(format="bgr24"))
                    number += 1
                else:
                    sound += [part.to_ndarray().ravel() for part in resampler.resample(frame)]
        sound += [part.to_ndarray().ravel() for part in resampler.resample(None)]
    return iter(pictures), np.concatenate(sound)


def decode_alone(path: str) -> None:
    """Decode every picture and sound, and keep nothing."""
    import av

    with av.open(path) as container:
        for stream in container.streams:
            stream.codec_context.thread_count = 1
        for packet in container.demux():
            packet.decode()


def main(way: str, weights: str, height: int, paths: list[str]) -> None:
    """Prepare every clip, after the first has been prepared once."""
    import opensmile

    cv2.setNumThreads(1)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    yunet: Any = cv2.FaceDetectorYN.create(weights, "", (320, 240), 0.7)
    faces = 0
    parts = dict.fromkeys(("decoding", "search", "sound"), 0.0)

    @contextlib.contextmanager
    def part(name: str) -> Iterator[None]:
        before = cpu_seconds()
        yield
        parts[name] += cpu_seconds() - before

    def search(picture: np.ndarray) -> None:
        nonlocal faces
        scale = min(1.0, height / min(picture.shape[:2]))
        small = picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        yunet.setInputSize((small.shape[1], small.shape[0]))
        _, found = yunet.detect(small)
        if found is not None:
            left, top, wide, high = (max(0, int(value / scale)) for value in found[0, :4])
            cv2.resize(picture[top : top + high + 1, left : left + wide + 1], (FACE, FACE))
            faces += 1

    def prepare(path: str) -> None:
        if way == "decoders":
            with part("decoding"):
                decode_alone(path)
            return
        with part("decoding"):
            pictures, sound = {"opencv": by_opencv, "pyav": by_pyav}[way](path)
        while True:
            with part("decoding"):
                picture = next(pictures, None)
            if picture is None:
                break
            with part("search"):
                search(picture)
        with part("sound"):
            smile.process_signal(sound.astype(np.float32) / 32768, RATE)

    prepare(paths[0])
    faces, parts = 0, dict.fromkeys(parts, 0.0)
    cpu, wall = cpu_seconds(), time.perf_counter()
    for path in paths:
        prepare(path)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = len(paths)
    told = {"cpu": cpu / count, "wall": wall / count, "memory": memory, "faces": faces}
    print(json.dumps(told | {name: seconds / count for name, seconds in parts.items()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
