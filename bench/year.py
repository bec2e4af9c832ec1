"""A year of weekly trainings of the voice models on real clips: was every decision of the gate as it should be?

    python bench/year.py FOLDER [FOLDER ...] [--home DIR] [--out docs/benchmarks]

A FOLDER holds sound clips and a manifest.csv with path, label and subject. People come week by week and stay on their
side of the split. In some weeks the recipe is better, the labels are shuffled, a class is lost, clips are copied across
the split, nothing is new, the training is killed, the server is absent, or two trainings run at once
(`bench/year_plan.py`). A week runs the steps of the pipeline in this process; killed ones, two at once, and those
without a server are `affekt train`. With `--home` a year that was cut off goes on with its next week. Exit code 1 if a
decision was not as it should be or a run is left open.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from record import add_out, publish
from year_kept import Kept
from year_plan import WEEKS, corpus
from year_table import report, row, states
from year_verdicts import better_recipes
from year_weeks import Year


def main() -> None:
    """Run the year and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--home", type=Path, help="of registry and store (default: a temporary folder)")
    parser.add_argument("--weeks", type=int, default=WEEKS)
    add_out(parser)
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"] = "false"
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    warnings.simplefilter("ignore")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="affekt-year-") as temporary:
        home = (options.home or Path(temporary)).resolve()
        home.mkdir(parents=True, exist_ok=True)
        os.environ["AFFEKT_HOME"] = str(home)
        year = weeks(home, options)
        sys.exit(0 if all(outcome.right for outcome in year.done) and "RUNNING" not in states(year) else 1)


def weeks(home: Path, options: argparse.Namespace) -> Year:
    """All weeks that are not done yet; the table is written after each."""
    clips = corpus(options.folders)
    kept = Kept(home, clips)
    done, before, worked = kept.done()
    year, started, seconds, processor = Year(home, clips), time.monotonic(), before, worked
    year.done += done
    better_recipes(year.done)
    for number in range(len(done) + 1, options.weeks + 1):
        outcome = year.run(number)
        seconds, processor = before + time.monotonic() - started, worked + sum(os.times()[:4])
        kept.keep(year.done, seconds, processor)
        better_recipes(year.done)
        print(f"{seconds:6.0f} s {row(outcome)}", file=sys.stderr, flush=True)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "year.md").write_text(report(year, seconds, processor), encoding="utf-8")
    publish(report(year, seconds, processor), options.out, "year.md")
    return year


if __name__ == "__main__":
    main()
