"""Wall and processor time of `affekt predict` of many clips and of `affekt evaluate` from a warm store.

    python bench/many_clips.py DATA --model FOLDER --before CHECKOUT [--clips 72] [--runs 3] [--budget 400]
        [--out docs/benchmarks]

DATA is a labelled data set in a folder. Both codes run in turn with this interpreter, each with a home of its own,
whose store the first evaluation fills; it does not count. Each row has one turn at least, and more of them up to
``--runs`` while half of the budget of seconds would hold them. CHECKOUT is an earlier installation's folder of packages
(pip install --no-deps --target). Labels of the answers must be equal.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from installation import run
from record import add_out, header, publish

from affekt.dataset import load_clips


def answers(document: dict[str, Any]) -> list[str]:
    """What of a document both must agree on."""
    return [answer["label"] for answer in document["results"]] if "results" in document else []


def in_turns(
    name: str, arguments: list[str], homes: dict[str, tuple[Path | None, Path]], runs: int, budget: float
) -> str:
    """A row of the report: one command by each code, in turns."""
    ends, longest = time.monotonic() + budget, 0.0
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in homes}
    for turn in range(runs):
        began = time.monotonic()
        if turn and began + longest > ends:
            break
        told = []
        for way, (code, home) in homes.items():
            wall, cpu, document = run(code, home, arguments)
            found[way].append((wall, cpu))
            told.append(answers(document))
        if told[0] != told[1]:
            raise SystemExit(f"{name}: the labels differ")
        longest = max(longest, time.monotonic() - began)
    cells = [name, str(len(found["now"]))]
    for what in (0, 1):
        before, now = ([turn[what] for turn in found[way]] for way in ("before", "now"))
        ratio = median(mine / theirs for mine, theirs in zip(now, before, strict=True))
        cells += [f"{median(before):.1f}", f"{median(now):.1f}", f"{ratio:.2f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Run every command by both codes and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data")
    parser.add_argument("--model", type=Path, required=True, help="the folder of an ensemble that both can read")
    parser.add_argument("--before", type=Path, required=True, help="the folder of packages of the other code")
    parser.add_argument("--clips", type=int, default=72)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--budget", type=float, default=400.0, help="seconds, about, for all turns")
    add_out(parser)
    options = parser.parse_args()
    table = load_clips(options.data)
    clips = [str(Path(clip.uri).resolve()) for clip in table][: options.clips]
    model, data = str(options.model.resolve()), str(Path(options.data).resolve())
    with tempfile.TemporaryDirectory(prefix="affekt-bench-") as folder:
        homes = {way: (code, Path(folder, way)) for way, code in (("before", options.before), ("now", None))}
        for _, home in homes.values():
            home.mkdir()
        half, ask = options.budget / 2, ["predict", *clips, "--model", model]
        rows = [in_turns(f"predict, {len(clips)} clips", ask, homes, options.runs, half)]
        evaluate = ["evaluate", data, "--model", model]
        began = time.monotonic()
        for code, home in homes.values():
            run(code, home, evaluate)
        half -= time.monotonic() - began
        rows.append(in_turns(f"evaluate, {len(table)} clips in the store", evaluate, homes, options.runs, half))
    lines = [
        *header("Many clips at once", "torch", "openvino", "av", more=f"load {os.getloadavg()[0]:.1f} at the end"),
        "Both codes in turn. Medians, and the median ratio in a turn. Processor time is that of all processes.",
        "",
        "| | turns | earlier, s | now, s | ratio | earlier, CPU s | now, CPU s | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *rows,
    ]
    publish("\n".join(lines) + "\n", options.out, "many-clips.md")


if __name__ == "__main__":
    main()
