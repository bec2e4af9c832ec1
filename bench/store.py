"""The prepared store measured: room for a clip, reading of batches, very many clips under a small limit of files.

python bench/store.py ../shared/data/java_sed_av --out docs/benchmarks
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from record import add_out, header, publish

from affekt.dataset.clips import Clip, ClipTable, table_of
from affekt.dataset.source import load_clips
from affekt.media.pictures import FacePictures
from affekt.media.prepare import prepare_file
from affekt.media.prepared import PreparedClip, PreparedIndex, PreparedRow
from affekt.settings import load_settings
from affekt.store.entries import Store
from affekt.store.preparing import prepare_clips
from affekt.training.decoded import DecodedPictures, KeptPictures

PICTURES = 20_000
MANY = 20_000
ROWS = (10_000, 100_000, 1_000_000)


def room(data: str, preset: str, clips: int, folder: Path) -> tuple[list[str], Store, PreparedIndex]:
    """A row of the table of sizes, and the store that was filled for it."""
    table = load_clips(data)
    chosen = table_of(list(table)[:: max(1, len(table) // clips)])
    store = Store(folder / preset, load_settings(preset).media)
    index = prepare_clips(chosen, store, progress=False)
    kept = sum(path.stat().st_size for path in (store.folder / "shards").iterdir())
    sources = sum(Path(clip.uri).stat().st_size for clip in chosen)
    pixels = sum(row.frames * store.settings.face_size**2 * 3 for row in index)
    uris = {clip.id: clip.uri for clip in chosen}
    same = all(
        np.array_equal(
            np.asarray(prepare_file(uris[row.clip], store.settings).faces), np.asarray(store.get(row.key).faces)
        )
        for row in index.rows[:3]
    )
    names = [preset, str(len(index)), f"{kept / len(index) / 1e6:.3f}", f"{sources / len(index) / 1e6:.3f}",
             f"{pixels / len(index) / 1e6:.2f}", "yes" if same else "NO"]  # fmt: skip
    return names, store, index


def drawing(store: Store, index: PreparedIndex, folder: Path) -> list[list[str]]:
    """Random pictures a CPU second: mapped arrays without a code, the store's first and later times."""
    clips = [store.get(row.key) for row in index if row.frames_with_face]
    mapped = []
    for number, clip in enumerate(clips):
        np.save(folder / f"{number}.npy", np.asarray(clip.faces))
        mapped.append(np.load(folder / f"{number}.npy", mmap_mode="r"))
    rng = np.random.default_rng(0)
    numbers = rng.integers(len(clips), size=PICTURES)
    order = [(int(number), int(rng.choice(clips[number].face_frames))) for number in numbers]
    decoded = DecodedPictures()
    kept = [KeptPictures(clip.faces, decoded) for clip in clips if isinstance(clip.faces, FacePictures)]
    kinds = [
        ("mapped arrays of pixels, one file a clip", mapped),
        ("from the shards, each picture decoded anew", [clip.faces for clip in clips]),
        ("from the shards, the first round of a training", kept),
        ("from the shards, later rounds", kept),
    ]
    rows = []
    for name, sources in kinds:
        began = time.process_time()
        for first in range(0, PICTURES, 64):
            np.stack([sources[clip][frame] for clip, frame in order[first : first + 64]])
        rows.append([name, f"{PICTURES / (time.process_time() - began):,.0f}"])
    return rows


def many(folder: Path) -> str:
    """What a process of its own says that draws from and reads the functionals of many clips with 256 descriptors."""
    settings = load_settings("small").media
    store = Store(folder / "many", settings)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (4, settings.face_size, settings.face_size, 3), dtype=np.uint8)
    present = np.ones(4, bool)
    pictures = FacePictures.of(lambda frame: faces[frame], present, faces.shape[1], settings.picture_quality)
    clip = PreparedClip(pictures, present, np.zeros((4, 4), np.float32), np.zeros(4, np.float32),
                        np.zeros(88, np.float32), True)  # fmt: skip
    for number in range(MANY):
        store.put(f"{number:032x}", replace(clip, functionals=np.full(88, number, np.float32)))
    store.pack()
    code = f"""
import resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
import numpy as np
from affekt.settings import load_settings
from affekt.store.entries import Store
from affekt.training.decoded import DecodedPictures, KeptPictures
began = time.process_time()
store = Store({str(folder / "many")!r}, load_settings("small").media)
keys = [f"{{number:032x}}" for number in range({MANY})]
functionals, voice = store.functionals(keys)
assert voice.all() and (functionals[:, 0] == np.arange({MANY})).all()
read = time.process_time() - began
decoded = DecodedPictures()
clips = [KeptPictures(store.get(key).faces, decoded) for key in keys]
for clip in clips:
    clip[1]
maps = len(open("/proc/self/maps").readlines())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(f"functionals of all in {{read:.1f}} CPU seconds; a picture of each in {{time.process_time() - began:.1f}}; "
      f"{{maps}} memory maps, {{peak:.2f}} GiB")
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def indexed(rows: int) -> dict[str, float]:
    """CPU seconds and memory of the tables of so many clips, in a process of its own."""
    code = f"from bench.store import tables; tables({rows})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parent.parent, env=_environment())  # fmt: skip
    values = done.stdout.split()
    return dict(zip(values[::2], map(float, values[1::2]), strict=True))


def _environment() -> dict[str, str]:
    here = Path(__file__).parent
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here)])}


def tables(rows: int) -> None:
    """Write and read the table of clips and the index of so many synthesised rows; print what it took."""
    labels, splits = ("angry", "happy", "sad", "neutral"), ("train", "train", "val", "test")
    figures = {}

    def timed(name: str, began: float) -> None:
        figures[name] = time.process_time() - began

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        began = time.process_time()
        ClipTable(
            tuple(
                Clip(f"clips/{n:07d}.mp4", f"s3://bucket/clips/{n:07d}.mp4", labels[n % 4], f"s{n // 200}",
                     splits[n // 200 % 4])
                for n in range(rows)
            )
        ).write(folder / "clips.csv")  # fmt: skip
        timed("table_written", began)
        began = time.process_time()
        table = ClipTable.read(folder / "clips.csv")
        timed("table_read", began)
        parts = min(500, -(-rows // 256))
        began = time.process_time()
        for number in range(3):
            table.shard(number, parts)
        timed("dealt_out", began)
        order = [clip.id for clip in table]
        began = time.process_time()
        PreparedIndex(
            tuple(
                PreparedRow(
                    clip.id, clip.label, clip.subject, clip.split, f"{n:032x}-0123456789abcdef-3", 100, 90, True
                )
                for n, clip in enumerate(table)
            )
        ).write(folder)
        timed("index_written", began)
        began = time.process_time()
        index = PreparedIndex.read(folder)
        timed("index_read", began)
        began = time.process_time()
        PreparedIndex.merge([index], order)
        timed("merged", began)
    figures["gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(*(f"{name} {value}" for name, value in figures.items()))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="labelled clips")
    parser.add_argument("--clips", type=int, default=168, help="of these, with the small preset")
    add_out(parser)
    options = parser.parse_args()
    lines = header("The prepared store", "numpy", "opencv-python-headless")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        small, store, index = room(options.data, "small", options.clips, folder)
        paper, _, _ = room(options.data, "paper", 12, folder)
        lines += ["## Room", "", "| preset | clips | MB a clip | MB of source | MB of pixels | file and store equal |",
                  "|---|---:|---:|---:|---:|---|", _row(small), _row(paper), ""]  # fmt: skip
        lines += [
            "## Random pictures of 96 pixels, in batches of 64",
            "",
            "| from | pictures a CPU second |",
            "|---|---:|",
        ]
        lines += [_row(row) for row in drawing(store, index, folder)]
        lines += ["", f"## {MANY:,} clips of four pictures under `ulimit -n 256`", "", many(folder), ""]
    figures = {rows: indexed(rows) for rows in ROWS}
    lines += ["## Tables of very many clips (synthesised rows)", ""]
    lines += [_row(["CPU seconds", *map("{:,}".format, ROWS), "exponent"]), "|---|---:|---:|---:|---:|"]
    for name in figures[ROWS[0]]:
        values = [figures[rows][name] for rows in ROWS]
        slope = math.log10(max(values[2], 1e-9) / max(values[1], 1e-9))
        title = "GiB of memory, at most" if name == "gib" else name.replace("_", " ")
        lines.append(_row([title, *(f"{value:.3g}" for value in values), f"{slope:.2f}"]))
    publish("\n".join(lines) + "\n", options.out, "store.md")


if __name__ == "__main__":
    main()
