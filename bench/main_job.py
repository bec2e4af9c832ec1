"""Wall and processor time of `affekt train` on real clips, first time, against an earlier installation.

    python bench/main_job.py DATA [--faces FACES] [--before CHECKOUT] [--runs 1] [--out docs/benchmarks]

DATA is a labelled data set, FACES one of face images, of which the first row makes no use. Each run is the command
with its defaults in a home of its own: nothing is kept from a run before. CHECKOUT is an earlier installation's folder
of packages (pip install --no-deps --target); both codes run in turn with this interpreter.
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
from importlib.metadata import distributions
from pathlib import Path
from statistics import median
from typing import Any

from record import add_out, header, publish


def command_in(code: Path | None) -> str:
    """The program text of `affekt` of an installation, by its entry point."""
    if code is None:
        module = "affekt.pipelines.cli"
    else:
        points = (point for found in distributions(path=[str(code)]) for point in found.entry_points)
        module = next(point.module for point in points if point.name == "affekt" and point.group == "console_scripts")
    return f"import sys; from {module} import main; sys.argv[0] = 'affekt'; sys.exit(main())"


def run(code: Path | None, folder: Path, arguments: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Seconds, processor seconds of the whole tree, and the document of one training in a new home."""
    folder.mkdir()
    environment = {**os.environ, "AFFEKT_HOME": str(folder / "home")}
    environment.pop("OMP_NUM_THREADS", None)
    if code is not None:
        environment["PYTHONPATH"] = str(code.resolve())
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    line = [sys.executable, "-c", command_in(code), "train", *arguments, "--json"]
    with (folder / "log").open("wb") as log:
        done = subprocess.run(line, stdout=subprocess.PIPE, stderr=log, env=environment, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: status {done.returncode}; {(folder / 'log').read_text()[-2000:]}")
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return took, cpu, json.loads(done.stdout)


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
                found[way].append(run(code, Path(folder, f"{way}-{turn}"), [data]))
        named = {f"clips alone, {way}": each for way, each in found.items()}
        if options.faces:
            faces = str(Path(options.faces).resolve())
            named["with face images, now"] = [run(None, Path(folder, "faces"), [data, "--faces", faces])]
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
