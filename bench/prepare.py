"""What preparing clips costs, beside the obvious way and beside the parts that nothing can avoid.

    python bench/prepare.py CLIPS [--clips 40] [--preset small] [--workers 2] [--out docs/benchmarks]

CLIPS is a folder with clips at any depth. Every way runs in a process of its own, over the same files, after one
warm-up file. CPU is user and system time of the process and of its children (ffmpeg).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
from record import add_out, header, publish

from affekt.dataset import Clip, table_of
from affekt.media import prepare_file
from affekt.media.boxes import Found
from affekt.media.decode import decode
from affekt.media.detectors import detector_for
from affekt.media.functionals import voice_of
from affekt.media.view import View
from affekt.settings import MediaSettings, load_settings
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips

WAYS = ("affekt", "obvious", "parts")
PACKAGES = ("numpy", "opencv-python-headless", "opensmile", "imageio-ffmpeg", "ffmpeg-python")


def ffmpeg(*arguments: str | Path) -> None:
    """Run the same ffmpeg that affekt runs, with one thread."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", "-threads", "1", *map(str, arguments)]
    subprocess.run(command, check=True)


def prepare_by_affekt(clip: Path, settings: MediaSettings, store: Store) -> int:
    """As the product does it, with the entry written to the store."""
    prepared = prepare_file(clip, settings)
    store.put(store.key(clip), prepared)
    return int(prepared.present.sum())


def obvious_way() -> Callable[[Path, MediaSettings], int]:
    """Every frame as a PNG file of full size, detection on every one of them, a WAV file, openSMILE on that file."""
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"))

    def prepare(clip: Path, settings: MediaSettings) -> int:
        crops = []
        with tempfile.TemporaryDirectory() as folder:
            ffmpeg("-i", clip, "-fps_mode", "passthrough", f"{folder}/%06d.png")
            for file in sorted(Path(folder).glob("*.png")):
                picture = cv2.imread(str(file))
                assert picture is not None
                grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
                found = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=3, minSize=(30, 30))
                if len(found):
                    left, top, wide, high = max(found, key=lambda box: box[2])
                    crop = picture[top : top + high, left : left + wide]
                    crops.append(cv2.resize(crop, (settings.face_size, settings.face_size)))
            if crops:
                np.save(f"{folder}/crops.npy", np.stack(crops))
            ffmpeg("-i", clip, "-ac", "1", "-ar", str(settings.sample_rate), f"{folder}/sound.wav")
            smile.process_file(f"{folder}/sound.wav")
        return len(crops)

    return prepare


class Parts:
    """What has to be done in any case, alone: decoding to nowhere, the functionals, a search every k frames."""

    def __init__(self, settings: MediaSettings) -> None:
        self.settings = settings
        self.detector = detector_for(settings)
        self.cpu = {"decode": 0.0, "functionals": 0.0, "faces": 0.0, "near": 0.0}

    def __call__(self, clip: Path) -> None:
        decoded = decode(clip, self.settings)  # for the two parts below; not counted
        views = [
            View(decoded.frames, number, self.settings.detection_height)
            for number in range(0, len(decoded.frames), self.settings.detect_every)
        ]
        for view in views:
            _ = view.grey
        self._count("decode", lambda: ffmpeg("-i", clip, "-f", "null", "-"))
        self._count(
            "functionals", lambda: voice_of(decoded.sound, self.settings.sample_rate, self.settings.functionals)
        )
        found: list[Found] = []
        self._count("faces", lambda: found.extend(face for view in views for face in self.detector.search(view)))
        if found:
            place = max(found, key=lambda item: item.score).box
            self._count("near", lambda: [self.detector.search_near(view, place) for view in views])

    def _count(self, part: str, work: Callable[[], Any]) -> None:
        before = cpu_seconds()
        work()
        self.cpu[part] += cpu_seconds() - before


def cpu_seconds() -> float:
    """User and system time of this process and of its finished children."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run_way(way: str, clips: list[Path], settings: MediaSettings) -> dict[str, Any]:
    """The cost of one way over all clips, after a warm-up with the first."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, settings)
        parts = Parts(settings)
        work: Callable[[Path], Any] = parts
        if way == "affekt":
            work = lambda clip: prepare_by_affekt(clip, settings, store)  # noqa: E731
        elif way == "obvious":
            prepare = obvious_way()
            work = lambda clip: prepare(clip, settings)  # noqa: E731
        work(clips[0])
        parts.cpu = dict.fromkeys(parts.cpu, 0.0)
        cpu, wall, faces = cpu_seconds(), time.perf_counter(), 0
        for clip in clips:
            faces += work(clip) or 0
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(parts.cpu[name] for name in ("decode", "functionals", "faces")) if way == "parts" else cpu
    return {"cpu": cpu / len(clips), "wall": wall / len(clips), "memory": memory / 1024, "faces": faces,
            "parts": {name: value / len(clips) for name, value in parts.cpu.items()}}  # fmt: skip


def run_pool(clips: list[Path], settings: MediaSettings, workers: int) -> dict[str, float]:
    """Clips a second of the whole product, and of a second run over the same clips."""
    table = table_of([Clip(str(clip), str(clip)) for clip in clips])
    with tempfile.TemporaryDirectory() as folder:
        times, decoded = [], []
        for _ in range(2):
            start = time.perf_counter()
            decoded.append(prepare_clips(table, Store(folder, settings), workers=workers, progress=False).decoded)
            times.append(time.perf_counter() - start)
    assert decoded[1] == 0, "the second run decoded clips that were prepared already"
    return {"first": len(clips) / times[0], "second": len(clips) / times[1]}


def find_clips(folder: Path, count: int) -> list[Path]:
    """``count`` clips, evenly from all below the folder."""
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in {".mp4", ".avi", ".mov", ".mkv", ".flv"}
    )
    if not found:
        sys.exit(f"{folder}: holds no clips")
    return [found[number] for number in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]


def report(
    results: dict[str, dict[str, Any]], pool: dict[str, float], arguments: argparse.Namespace, count: int
) -> str:
    """The result as Markdown."""
    ours, obvious, parts = (results[way] for way in WAYS)
    rows = [
        ("affekt, entry written to the store", ours),
        ("the obvious way", obvious),
        ("the unavoidable parts alone", parts),
    ]
    lines = [
        *header("Preparing clips", *PACKAGES),
        f"{count} clips of `{arguments.folder.name}`, preset `{arguments.preset}`; one process, one thread, one "
        "warm-up clip. CPU is user and system time of the process and of its ffmpeg.",
        "",
        "| | CPU a clip, ms | beside affekt | wall a clip, ms | peak memory of a process, MiB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, row in rows:
        memory = f"{row['memory']:.0f}" if row is not parts else ""
        wall = f"{1000 * row['wall']:.0f}" if row is not parts else ""
        lines.append(f"| {name} | {1000 * row['cpu']:.0f} | {row['cpu'] / ours['cpu']:.2f} | {wall} | {memory} |")
    cost = {name: 1000 * value for name, value in parts["parts"].items()}
    shares = ", ".join(f"{name} {cost[name]:.0f} ms" for name in ("decode", "functionals", "faces"))
    nearby = cost["decode"] + cost["functionals"] + cost["near"]
    lines += [
        "",
        f"- affekt uses {obvious['cpu'] / ours['cpu']:.1f} times less CPU than the obvious way (PNG files of full "
        "size, detection on every one of them, a WAV file, openSMILE on that file).",
        f"- affekt costs {ours['cpu'] / parts['cpu']:.2f} times the unavoidable parts: {shares} (decoding both "
        "streams to nowhere, eGeMAPS, one search of the reduced picture every k frames).",
        f"- With a search near the known face alone in those frames ({cost['near']:.0f} ms) instead of the whole "
        f"picture: {1000 * ours['cpu'] / nearby:.2f} times.",
        f"- Faces found in {ours['faces']} frames; the obvious way found one in {obvious['faces']}.",
        f"- A pool of {arguments.workers} workers, start included: {pool['first']:.1f} clips/s; a second run, which "
        f"decodes nothing: {pool['second']:.0f} clips/s.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Run every way in its own process and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    add_out(parser)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    settings = load_settings(arguments.preset).media
    clips = find_clips(arguments.folder, arguments.clips)
    if arguments.way:
        print(json.dumps(run_way(arguments.way, clips, settings)))
        return
    results = {}
    for way in WAYS:
        command = [sys.executable, __file__, str(arguments.folder), "--clips", str(arguments.clips)]
        command += ["--preset", arguments.preset, "--way", way]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
        results[way] = json.loads(answer.stdout.splitlines()[-1])
    text = report(results, run_pool(clips, settings, arguments.workers), arguments, len(clips))
    publish(text, arguments.out, "prepare.md")


if __name__ == "__main__":
    main()
