"""Processor time of an evaluation of many clips, beside another checkout of affekt, and how far its intervals moved.

    python bench/evaluation.py --before CHECKOUT [--rows 10000] [--runs 5] [--fuse 100000] [--out docs/benchmarks]

Both are run in turn in processes of their own with one thread. The table is synthetic: six models over seven labels.
With `--fuse`, every fusion is tried on a table of so many rows besides, in this checkout alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from record import add_out, header, publish

SUBJECTS = (20, 100, 1000, 5000)

PROGRAM = """
import json, sys, time
import numpy as np
from affekt.score_table import ScoreTable

rows, subjects, seed, fuse = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
labels = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
truth = rng.integers(0, 7, rows)
scores = rng.gamma(1.0, 1.0, (rows, 6, 7))
scores[np.arange(rows), :, truth] += 1.0
scores /= scores.sum(axis=2, keepdims=True)
names = tuple(f"s{row % subjects:05d}" for row in range(rows))
splits = tuple("train" if fuse and row % subjects % 2 else "test" for row in range(rows))
table = ScoreTable(tuple(map(str, range(rows))), labels, tuple("abcdef"), scores, truth, names, splits)
if fuse:
    from affekt.fusion import fuse_table
    began = time.process_time()
    found = fuse_table(table).report
    result = {"methods": list(found["methods"]), "warnings": found["warnings"]}
else:
    from affekt.fusion import Fusion, FusionKey
    from affekt.report.evaluation import evaluate_table
    from affekt.settings import load_settings
    settings = load_settings("small").evaluation
    simple = ("average", "weighted_average", "maximum", "highest_confidence")
    fused = {FusionKey(method): Fusion.fit(table, method).predict(scores) for method in simple}
    began = time.process_time()
    found = evaluate_table(table, fused, "average", settings=settings, seed=seed)
    ends = [end for figures in found.models.values()
            for end in (*figures.accuracy_ci95, *figures.unweighted_average_recall_ci95)]
    ends += [end for pair in found.pairs for end in pair.paired.ci95]
    result = {"ends": ends}
print(json.dumps({"seconds": time.process_time() - began, **result}))
"""


def run(checkout: Path, rows: int, subjects: int, *, seed: int = 0, fuse: bool = False) -> dict[str, Any]:
    """One evaluation (or one trial of every fusion) by the code of a checkout."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, (rows, subjects, seed, int(fuse)))],
        env={**os.environ, "PYTHONPATH": str(checkout.resolve()), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        cwd=checkout, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Run both in turn and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--before", type=Path, required=True, help="the folder of the other checkout")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--fuse", type=int, default=0, help="rows of a table on which every fusion is tried")
    add_out(parser)
    options = parser.parse_args()
    here = Path(__file__).resolve().parents[1]
    before = subprocess.run(
        ["git", "describe", "--always"], cwd=options.before, capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [
        *header("Evaluation of many clips", "numpy", "scikit-learn", more=f"load {os.getloadavg()[0]:.1f}"),
        f"`evaluate_table` of {options.rows:,} clips, six models and four fusions (45 pairs), 2,000 resamples; "
        f"{options.runs} runs of this checkout and of {before} in turn, one thread each. Processor time; the ratio is "
        "the median of the pairs. The last columns: the largest move of an end of the intervals of models and pairs "
        "between the two checkouts, and between two seeds of the earlier one, in points.",
        "",
        "| subjects | before, s | now, s | ratio | moved | seeds move |",
        "|---:|---:|---:|---:|---:|---:|",
        *(_line(here, options.before, options.rows, subjects, options.runs) for subjects in SUBJECTS),
        "",
    ]
    if options.fuse:
        found = run(here, options.fuse, max(2, options.fuse // 100), fuse=True)
        lines += [
            f"Every fusion on {options.fuse:,} rows, half of them to be fitted on and half to be fused: "
            f"{found['seconds']:,.0f} s of processor time for {', '.join(found['methods'])}.",
            *(f"It says: {warning}." for warning in found["warnings"]), "",
        ]  # fmt: skip
    publish("\n".join(lines), options.out, "evaluation.md")


def _line(here: Path, before: Path, rows: int, subjects: int, runs: int) -> str:
    pairs = [(run(before, rows, subjects), run(here, rows, subjects)) for _ in range(runs)]
    old, new = (statistics.median(pair[side]["seconds"] for pair in pairs) for side in (0, 1))
    ratio = statistics.median(now["seconds"] / then["seconds"] for then, now in pairs)
    moved = _apart(pairs[0][0], pairs[0][1])
    seeds = _apart(pairs[0][0], run(before, rows, subjects, seed=1))
    return f"| {subjects:,} | {old:.2f} | {new:.2f} | {ratio:.2f} | {moved:.2f} | {seeds:.2f} |"


def _apart(one: dict[str, Any], other: dict[str, Any]) -> float:
    return 100 * max(abs(a - b) for a, b in zip(one["ends"], other["ends"], strict=True))


if __name__ == "__main__":
    main()
