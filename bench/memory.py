"""What preparing many clips, and learning from them, takes of memory: the same for a few clips as for thousands.

    python bench/memory.py [--clips 10000] [--few 500] [--workers 2] [--out docs/benchmarks]

The clips are half a second of one sample clip, each with a number in a box at its end that no decoder reads, so that
no two have the same content. Every count runs in a process of its own. Memory is what cannot be dropped (anonymous
pages); the pages of mapped files, which the system drops when it needs them, do not count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import psutil
from record import add_out, header, publish

BATCHES = 200
BATCH_SIZE = 64


def write_clips(folder: Path, count: int) -> None:
    """``count`` different small files that decode to the same short clip."""
    from affekt.samples.write import write_samples

    samples = write_samples(folder / "samples", clips_per_label=1, progress=False)
    source, short = sorted(samples.rglob("*.mp4"))[0], folder / "short.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-t", "0.5", "-i", str(source)]
    subprocess.run([*command, "-vf", "scale=-2:120,fps=10", "-c:v", "libx264", "-c:a", "aac", str(short)], check=True)
    content = short.read_bytes()
    (folder / "clips").mkdir()
    for number in range(count):
        text = f"{number:016d}".encode()
        (folder / "clips" / f"{number:06d}.mp4").write_bytes(content + (24).to_bytes(4, "big") + b"free" + text)


class Watch(threading.Thread):
    """Samples the anonymous memory of this process and of the largest of its children."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.own = self.child = 0
        self._done = threading.Event()

    def run(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.2):
            self.own = max(self.own, anonymous(me))
            for process in me.children(recursive=True):
                self.child = max(self.child, anonymous(process))

    def stop(self) -> None:
        self._done.set()
        self.join()


def anonymous(process: psutil.Process) -> int:
    """Bytes that the process holds and that no file backs."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0
    return int(memory.rss - memory.shared)


def measure(folder: Path, count: int, workers: int) -> dict[str, float]:
    """Prepare ``count`` clips, prepare them again, and draw training batches from them."""
    from affekt.dataset import Clip, table_of
    from affekt.settings import load_settings
    from affekt.store.entries import Store
    from affekt.store.preparing import prepare_clips

    settings = load_settings("small")
    files = sorted((folder / "clips").iterdir())[:count]
    labels = ("angry", "happy", "sad")
    table = table_of([Clip(file.stem, str(file), labels[n % 3], f"s{n % 50}", "train") for n, file in enumerate(files)])
    store = Store(folder / f"store{count}", settings.media)
    watch = Watch()
    watch.start()
    started = time.perf_counter()
    index = prepare_clips(table, store, workers=workers)
    seconds = time.perf_counter() - started
    again = prepare_clips(table, store, workers=workers)
    watch.stop()
    assert len(index) == count and index.decoded == count and again.decoded == 0
    learning = Watch()
    learning.start()
    speed = batch_speed(index, store, settings)
    learning.stop()
    return {
        "clips": count, "seconds": seconds, "preparing": watch.own, "worker": watch.child, "learning": learning.own,
        "pictures_per_second": speed,
    }  # fmt: skip


def batch_speed(index: object, store: object, settings: object) -> float:
    """Pictures a second of random training batches, drawn from all clips and cropped."""
    from affekt.media import PreparedIndex
    from affekt.models.preprocessing import Preprocessing
    from affekt.settings import Settings
    from affekt.store.entries import Store
    from affekt.training.picture_batches import FaceClip, FrameBatches

    assert isinstance(index, PreparedIndex) and isinstance(store, Store) and isinstance(settings, Settings)
    clips = []
    for row in index:
        clip = store.get(row.key)
        clips.append(FaceClip(row.key, clip.faces, clip.face_frames, index.labels.index(row.label)))
    batches = FrameBatches(
        None, [], np.zeros(0, int), clips, Preprocessing(settings.vgg.input_size, tuple(settings.vgg.crops)),
        stage="bench", seed=0, batch_size=BATCH_SIZE, image_share=None, balanced=False,
    )  # fmt: skip
    started = time.perf_counter()
    for iteration in range(BATCHES):
        batches.load(iteration)
    return BATCHES * BATCH_SIZE / (time.perf_counter() - started)


def report(few: dict[str, float], many: dict[str, float], workers: int) -> str:
    """The result as Markdown."""
    lines = [
        *header("Memory beside the number of clips"),
        f"Half-second clips, preset `small`, {workers} workers; the peak of anonymous memory, MiB.", "",
        "| | " + " | ".join(f"{row['clips']:,.0f} clips" for row in (few, many)) + " | growth a clip, KiB |",
        "|---|---:|---:|---:|",
    ]  # fmt: skip
    names = {
        "preparing": "the process that hands out the clips, and indexes them",
        "worker": "the largest worker",
        "learning": "the process that draws training batches",
    }
    for key, name in names.items():
        growth = (many[key] - few[key]) / (many["clips"] - few["clips"]) / 1024
        lines.append(f"| {name} | {few[key] / 2**20:.0f} | {many[key] / 2**20:.0f} | {growth:.1f} |")
    lines += [
        "",
        f"- Prepared: {many['clips'] / many['seconds']:.1f} clips/s; the second run decoded none.",
        f"- Random training batches of {BATCH_SIZE} over all clips, cropped: "
        + " and ".join(f"{row['pictures_per_second']:,.0f} pictures/s from {row['clips']:,.0f} clips"
                       for row in (few, many)) + ".",
        "- What grows is a row of the table for each clip; neither pictures nor sound are kept.",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def main() -> None:
    """Measure few clips and many, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=500)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    add_out(parser)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.clips, arguments.workers)))
        return
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), arguments.clips)
        results = []
        for count in (arguments.few, arguments.clips):
            command = [sys.executable, __file__, "--measure", folder, "--clips", str(count)]
            command += ["--workers", str(arguments.workers)]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            results.append(json.loads(answer.stdout.splitlines()[-1]))
    text = report(results[0], results[1], arguments.workers)
    publish(text, arguments.out, "memory.md")


if __name__ == "__main__":
    main()
