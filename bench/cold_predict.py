"""Processor time of one cold `affekt predict` on one clip, beside another installation of affekt.

    python bench/cold_predict.py CLIP --model FOLDER --before OLD/.venv/bin/affekt [--runs 9] [--out docs/benchmarks]

Both commands are run in turn, so that whatever else the machine does falls on both alike. The time is user and system
time of the whole process tree. The answers must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from record import add_out, header, publish


def ask(command: Path, clip: Path, model: Path) -> tuple[float, float, dict[str, Any]]:
    """Processor seconds, seconds and the answer of one run."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    arguments = [str(command), "predict", str(clip), "--model", str(model), "--json"]
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    answer: dict[str, Any] = json.loads(done.stdout)["results"][0]
    return used, took, {key: answer[key] for key in ("label", "probabilities", "models")}


def main() -> None:
    """Run both in turn and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("clip", type=Path)
    parser.add_argument("--model", type=Path, required=True, help="the folder of an ensemble that both can read")
    parser.add_argument("--before", type=Path, required=True, help="the command `affekt` of the other installation")
    parser.add_argument("--runs", type=int, default=9)
    add_out(parser)
    options = parser.parse_args()
    commands = {"before": options.before, "now": Path(sys.executable).with_name("affekt")}
    for command in commands.values():
        ask(command, options.clip, options.model)  # reads the files into memory
    used: dict[str, list[float]] = {name: [] for name in commands}
    took: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(options.runs):
        answers = []
        for name, command in commands.items():
            cpu, seconds, answer = ask(command, options.clip, options.model)
            used[name].append(cpu)
            took[name].append(seconds)
            answers.append(answer)
        if answers[0] != answers[1]:
            raise SystemExit("the two answers differ")
    load = f"load of the machine at the end {os.getloadavg()[0]:.1f}"
    ratios = [now / before for now, before in zip(used["now"], used["before"], strict=True)]
    lines = [
        *header("One cold `affekt predict` on one clip", "torch", "opensmile", more=load),
        f"{options.runs} runs of each in turn, after one that was not counted: the median, the smallest and the "
        "largest. The answers were equal to the last bit.",
        "",
        "| | processor time, s | elapsed, s |",
        "|---|---|---|",
        *(f"| {name} | {spread(used[name])} | {spread(took[name])} |" for name in commands),
        "",
        f"Processor time now, as a share of that before, pair by pair: {spread(ratios)}.",
        "",
    ]
    publish("\n".join(lines), options.out, "cold-predict.md")


def spread(values: list[float]) -> str:
    """The median, and the smallest and largest."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
