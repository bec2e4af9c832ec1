"""What preparing a clip costs, beside an earlier checkout and beside other means of doing it.

    python bench/prepare.py CLIPS… --weights YUNET [--before CHECKOUT] [--peers PYTHON] [--clips 40] [--runs 3]
        [--preset small] [--out docs/benchmarks]

CLIPS are folders with clips at any depth. Every way runs in a process of its own over the same files, after one clip
that does not count, one way after the other and all of them again; ratios are of the same turn, and their median
counts. CPU is user and system time of the process and of its children (ffmpeg). PYTHON is an interpreter with PyAV,
OpenCV and openSMILE; what these cost is bench/prepare_peers.py.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from prepare_peers import cpu_seconds
from record import add_out, header, publish

from affekt.media import prepare_file
from affekt.settings import MediaSettings, load_settings
from affekt.store.entries import Store

PACKAGES = ("numpy", "opencv-python-headless", "opensmile", "imageio-ffmpeg", "av")
NAMES = {
    "affekt": "affekt, entry written to the store",
    "before": "the earlier checkout",
    "opencv": "OpenCV, YuNet on every fifth frame, openSMILE",
    "pyav": "PyAV, YuNet on every fifth frame, openSMILE",
    "decoders": "libav's decoders alone",
}
PEERS = ("opencv", "pyav", "decoders")
#: What a clip costs: decoding, faces searched for, sound described.
PARTS = ("decoding", "search", "sound")
Result = dict[str, float]


def prepare_all(clips: list[Path], preset: str) -> Result:
    """The cost of a clip as the product prepares it."""
    import resource

    import cv2

    with contextlib.suppress(ImportError):  # of an earlier checkout
        from affekt.media import pyav

        pyav.allow()  # as the processes of a pool do
    cv2.setNumThreads(1)
    settings = load_settings(preset).media
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder, settings)

        def prepare(clip: Path) -> int:
            prepared = prepare_file(clip, settings)
            store.put(store.key(clip), prepared)
            return int(prepared.present.sum())

        prepare(clips[0])
        cpu, wall = cpu_seconds(), time.perf_counter()
        faces = sum(map(prepare, clips))
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    whole = {"cpu": cpu / len(clips), "wall": wall / len(clips), "memory": memory / 1024, "faces": faces}
    return whole | parts_of(clips, settings)


def parts_of(clips: list[Path], settings: MediaSettings) -> Result:
    """What decoding, faces and sound each cost a clip, one behind the other."""
    try:
        from affekt.media.decode import decode
        from affekt.media.faces import find_faces
        from affekt.media.functionals import voice_of
    except ImportError:  # of an earlier checkout
        return {}
    costs = dict.fromkeys(PARTS, 0.0)
    for clip in clips:
        at = [cpu_seconds()]
        decoded = decode(clip, settings)
        at.append(cpu_seconds())
        find_faces(decoded.frames, settings)
        at.append(cpu_seconds())
        voice_of(decoded.sound, settings.sample_rate, level=settings.one_level, trim=settings.trim_silence)
        at.append(cpu_seconds())
        for name, cost in zip(costs, np.diff(at), strict=True):
            costs[name] += float(cost) / len(clips)
    return costs


def run_way(way: str, folder: Path, clips: list[Path], arguments: argparse.Namespace) -> Result:
    """One way over all clips, in a process of its own with one thread."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if way in ("affekt", "before"):
        command = [sys.executable, __file__, str(folder), "--clips", str(arguments.clips), "--preset", arguments.preset]
        command += ["--weights", str(arguments.weights), "--inner"]
        if way == "before":
            environment["PYTHONPATH"] = f"{arguments.before.resolve()}{os.pathsep}{environment['PYTHONPATH']}"
    else:
        environment.pop("PYTHONPATH")
        height = load_settings(arguments.preset).media.detection_height
        script = str(Path(__file__).with_name("prepare_peers.py"))
        command = [str(arguments.peers), script, way, str(arguments.weights), str(height), *map(str, clips)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: Result = json.loads(answer.stdout.splitlines()[-1])
    return found


def find_clips(folder: Path, count: int) -> list[Path]:
    """``count`` clips, evenly from all below the folder."""
    found = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in {".mp4", ".avi", ".mov", ".mkv", ".flv"}
    )
    if not found:
        sys.exit(f"{folder}: holds no clips")
    return [found[number] for number in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]


def measured(folder: Path, ways: list[str], arguments: argparse.Namespace) -> list[str]:
    """The part of the report on one folder."""
    clips = find_clips(folder, arguments.clips)
    turns: dict[str, list[Result]] = {way: [] for way in ways}
    for _ in range(arguments.runs):
        for way in ways:
            turns[way].append(run_way(way, folder, clips, arguments))
    lines = [
        "",
        f"## {len(clips)} clips of `{folder.name}`",
        "",
        "| | CPU a clip, ms | affekt beside it | decoding | faces | sound | wall a clip, ms | peak memory, MiB "
        "| pictures with a face |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way in ways:
        cpu, wall, memory = (median(turn[name] for turn in turns[way]) for name in ("cpu", "wall", "memory"))
        ratio = median(ours["cpu"] / turn["cpu"] for ours, turn in zip(turns["affekt"], turns[way], strict=True))
        parts = " | ".join(
            f"{1000 * median(turn[name] for turn in turns[way]):.0f}" if turns[way][0].get(name) else ""
            for name in PARTS
        )
        faces = int(turns[way][0]["faces"])
        lines.append(
            f"| {NAMES[way]} | {1000 * cpu:.0f} | {ratio:.2f} | {parts} | {1000 * wall:.0f} | {memory:.0f} | {faces} |"
        )
    if "decoders" in turns:
        floor = median(turn["cpu"] for turn in turns["decoders"]) + median(turn["sound"] for turn in turns["affekt"])
        best = min(median(turn["cpu"] for turn in turns[way]) for way in PEERS[:-1])
        alone = f"{1000 * floor:.0f} ms, {floor / best:.2f} of the best of the others"
        lines += ["", f"The decoders and openSMILE's pass alone take {alone}."]
    return lines


def main() -> None:
    """Run every way on every folder and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, required=True, help="YuNet's weights, which the peers search with")
    parser.add_argument("--before", type=Path, help="a folder that holds an earlier checkout's package affekt")
    parser.add_argument("--peers", type=Path, help="an interpreter with PyAV, OpenCV and openSMILE")
    parser.add_argument("--clips", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--preset", default="small")
    add_out(parser)
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inner:
        print(json.dumps(prepare_all(find_clips(arguments.folders[0], arguments.clips), arguments.preset)))
        return
    ways = ["affekt", *(["before"] if arguments.before else []), *(PEERS if arguments.peers else [])]
    lines = [
        *header("Preparing clips", *PACKAGES, more=f"load {os.getloadavg()[0]:.1f}"),
        f"Preset `{arguments.preset}`; {arguments.runs} turns, one process and one thread each; CPU is user and system "
        "time of the process and of its ffmpeg, the ratio the median of those within a turn. affekt cuts a face out of "
        "every picture and describes the sound in functionals and frame by frame; the others search every fifth "
        "picture, reduced to the same height, cut the first face out of it, and take the functionals alone. What is "
        "left of affekt's time beside decoding, faces and sound are the pictures, cut out and coded, and the entry. "
        "libav's decoders alone decode every picture and sound, and do nothing with it.",
    ]
    for folder in arguments.folders:
        lines += measured(folder, ways, arguments)
    publish("\n".join([*lines, ""]), arguments.out, "prepare.md")


if __name__ == "__main__":
    main()
