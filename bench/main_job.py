"""Wall and processor time of `affekt train` on real clips, first time, against an earlier installation.

    python bench/main_job.py DATA [--faces FACES] [--before CHECKOUT] [--runs 1] [--out docs/benchmarks]

DATA is a labelled data set, FACES one of face images, of which the first row makes no use. Each run is the command
with its defaults in a home of its own: nothing is kept from a run before. CHECKOUT is an earlier installation's folder
of packages (pip install --no-deps --target); both codes run in turn with this interpreter.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from installation import run
from record import add_out, header, publish


def home_in(folder: str, name: str) -> Path:
    """A new home."""
    home = Path(folder, name)
    home.mkdir()
    return home


def slowest(document: dict[str, Any], count: int = 6) -> str:
    """The steps that took longest, with their own seconds."""
    steps = sorted(document["steps"].items(), key=lambda step: -step[1])
    return ", ".join(f"{name} {seconds:.0f}" for name, seconds in steps[:count])


def main() -> None:
    """Train as often as asked by each code and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data")
    parser.add_argument("--faces", default=None, help="a second row with these, by this code alone")
    parser.add_argument("--before", type=Path, default=None, help="the folder of packages of the other code")
    parser.add_argument("--runs", type=int, default=1)
    add_out(parser)
    options = parser.parse_args()
    data = str(Path(options.data).resolve())
    codes = {**({"earlier": options.before} if options.before else {}), "now": None}
    rows = []
    with tempfile.TemporaryDirectory(prefix="affekt-bench-") as folder:
        found: dict[str, list[tuple[float, float, dict[str, Any]]]] = {way: [] for way in codes}
        for turn in range(options.runs):
            for way, code in codes.items():
                found[way].append(run(code, home_in(folder, f"{way}-{turn}"), ["train", data]))
        named = {f"clips alone, {way}": each for way, each in found.items()}
        if options.faces:
            faces = str(Path(options.faces).resolve())
            named["with face images, now"] = [run(None, home_in(folder, "faces"), ["train", data, "--faces", faces])]
        for name, runs in named.items():
            wall, cpu = median(each[0] for each in runs), median(each[1] for each in runs)
            rows.append(f"| {name} | {wall:.0f} | {cpu:.0f} | {slowest(runs[-1][2])} |")
        ratios = [now[0] / before[0] for now, before in zip(found["now"], found.get("earlier", []), strict=False)]
    lines = [
        *header("The main job", "torch", "kfp", "mlflow", more=f"load {os.getloadavg()[0]:.1f} at the end"),
        f"`affekt train` with its defaults, first time, in a home of its own; runs of each: {options.runs}. Steps run "
        "side by side, so their own seconds are more than the wall time together.",
        "",
        "| | wall, s | CPU, s | steps that take longest, s |",
        "|---|---:|---:|---|",
        *rows,
        *(["", f"Wall time of now over earlier, median in a turn: {median(ratios):.2f}"] if ratios else []),
    ]
    publish("\n".join(lines) + "\n", options.out, "main-job.md")


if __name__ == "__main__":
    main()
