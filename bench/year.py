"""A year of weekly trainings of the voice models on real clips: was every decision of the gate as it should be?

    python bench/year.py FOLDER [FOLDER ...] [--home DIR] [--out docs/benchmarks]

A FOLDER holds sound clips and a manifest.csv with path, label and subject. People come week by week and stay on their
side of the split. In some weeks the recipe is better, the labels are shuffled, a class is lost, clips are copied across
the split, nothing is new, the training is killed, the server is absent, or two trainings run at once
(`bench/year_plan.py`). A week runs the steps of the pipeline in this process; killed ones, two at once, and those
without a server are `affekt train`. Exit code 1 if a decision was not as it should be.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from record import add_out, header, publish
from year_plan import WEAK, WEEKS, Row, Week, corpus, week
from year_run import train

from affekt.errors import AffektError
from affekt.registry import Tracking, list_models, read_history, rollback
from affekt.registry.held_against import entries_in

NAME = "year"
COMMON = ["gate.check_serving=false", "gate.min_subjects=4", "fusion.folds=2", "evaluation.bootstrap=1000"]
#: A better recipe must be champion after so many weeks.
PATIENCE = 8


@dataclass
class Outcome:
    """What became of a week."""

    week: Week
    before: int | None
    after: int | None = None
    versions: list[int] = field(default_factory=list)
    decision: dict[str, Any] = field(default_factory=dict)
    refused: str = ""
    right: bool = False
    note: str = ""
    later: str = ""

    @property
    def promoted(self) -> bool:
        """Whether a version of this week became the champion."""
        return self.after != self.before


class Year:
    """One registry, and the weeks that were done with it."""

    def __init__(self, home: Path, clips: dict[str, list[Row]]) -> None:
        self.home, self.clips = home, clips
        self.uri = f"sqlite:///{home / 'mlflow.db'}"
        self.tracking = Tracking(self.uri, home=home)
        self.done: list[Outcome] = []

    def champion(self) -> int | None:
        """The champion's version."""
        return next((item.version for item in self.versions() if "champion" in item.aliases), None)

    def versions(self) -> list[Any]:
        """All versions, the newest first."""
        try:
            return list_models(self.tracking, NAME)
        except AffektError:
            return []
        except Exception as error:  # MLflow's own, where the model is not there yet
            if "not found" in str(error):
                return []
            raise

    def run(self, number: int) -> Outcome:
        """One week."""
        this = week(number, self.clips)
        data = this.write(self.home / "data" / f"{number:02d}")
        known = {item.version for item in self.versions()}
        outcome = Outcome(this, self.champion())
        if this.kind == "rolled back":
            outcome.note = self.rolled_back(outcome)
        if this.kind == "killed":
            self.killed(data, this, outcome)
        elif this.kind == "two at once":
            self.two(data, this, outcome)
        else:
            if this.kind == "absent server":
                self.absent(data, this, outcome)
            self.plain(data, this, outcome)
        outcome.after = self.champion()
        outcome.versions = sorted(item.version for item in self.versions() if item.version not in known)
        evaluate(outcome, self)
        self.done.append(outcome)
        return outcome

    def rolled_back(self, outcome: Outcome) -> str:
        """Somebody makes the first champion the champion again."""
        first = read_history(self.tracking, NAME)[0].version
        before, outcome.before = outcome.before, rollback(NAME, self.tracking, to=first, reason="a try").version
        return f"{first} in the place of {before} by hand before"

    def plain(self, data: Path, this: Week, outcome: Outcome) -> None:
        """The pipeline's steps in this process."""
        model, own = this.recipe
        job = f"week-{this.number:02d}"
        try:
            found = train(data, model, [*COMMON, *own], name=NAME, home=self.home, uri=self.uri, job=job)
        except AffektError as error:
            outcome.refused = error.code or str(error)
        else:
            outcome.decision = found.decision.to_dict() | {"version": found.version}

    def command(self, data: Path, recipe: tuple[str, tuple[str, ...]], *more: str) -> list[str]:
        """``affekt train``."""
        model, own = recipe
        options = [f"--set={each}" for each in (*COMMON, *own, *more)]
        return [sys.executable, "-m", "affekt", "train", str(data), "--only", model, "--name", NAME, "--json", *options]

    def environment(self, **more: str) -> dict[str, str]:
        """Of ``affekt train``."""
        return {**os.environ, "AFFEKT_HOME": str(self.home), **more}

    def killed(self, data: Path, this: Week, outcome: Outcome) -> None:
        """Killed behind the registration, in or before the gate; then the same command again."""
        before = set((self.home / "runs").glob("*"))
        said = self.home / "said"
        with said.open("wb") as file:
            running = subprocess.Popen(
                self.command(data, this.recipe), env=self.environment(), stdout=file, stderr=file
            )
            while running.poll() is None:
                logs = [folder / "pipeline.log" for folder in set((self.home / "runs").glob("*")) - before]
                if any("affekt: registration: done" in log.read_text() for log in logs if log.is_file()):
                    running.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.05)
            running.wait()
        champion = self.champion()
        again = subprocess.run(self.command(data, this.recipe), env=self.environment(), capture_output=True, text=True)
        self.took(again.returncode, again.stdout, outcome)
        outcome.note = (
            f"killed with code {running.returncode}, champion then {champion}; the next start "
            f"{'closed the open run and ' if 'was left open' in again.stderr else ''}ended with {again.returncode}"
        )

    def two(self, data: Path, this: Week, outcome: Outcome) -> None:
        """The usual recipe and a weak one, at the same time."""
        recipes = [this.recipe, WEAK]
        running = [
            subprocess.Popen(
                self.command(data, recipe), env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                text=True,
            )
            for recipe in recipes
        ]  # fmt: skip
        ended = [(each.communicate()[0], each.returncode) for each in running]
        for text, code in reversed(ended):
            self.took(code, text, outcome)
        outcome.note = f"ended with {' and '.join(str(code) for _, code in ended)}"

    def absent(self, data: Path, this: Week, outcome: Outcome) -> None:
        """With the address of a server that is not there; the week is then made up for."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            uri = f"http://127.0.0.1:{free.getsockname()[1]}"
        started = time.monotonic()
        ended = subprocess.run(
            self.command(data, this.recipe), env=self.environment(MLFLOW_TRACKING_URI=uri), capture_output=True,
            text=True,
        )  # fmt: skip
        said = json.loads(ended.stdout or "{}").get("error", {})
        outcome.note = (
            f"without the server code {ended.returncode} ({said.get('code')}) in {time.monotonic() - started:.0f} s"
        )

    def took(self, code: int, text: str, outcome: Outcome) -> None:
        """Keep what a command said; its decision's figures are in the run."""
        said = json.loads(text or "{}")
        if code:
            outcome.refused = said.get("error", {}).get("code", "") or str(code)
            return
        file = Path(said["report"]).with_name("decision.json")
        found = sorted(file.parent.rglob("decision*.json")) + sorted(file.parent.glob("artifacts/*/gate/decision"))
        kept = json.loads(found[-1].read_text()) if found else {"promote": said["promoted"], "reasons": said["reasons"]}
        outcome.decision = kept


def evaluate(outcome: Outcome, year: Year) -> None:
    """Whether the decision was as it should be; a better recipe is looked at again at the end."""
    this, decision = outcome.week, outcome.decision
    new, held = len(outcome.versions), not outcome.promoted
    champions = {one.after: one for one in year.done if one.promoted}
    reign = champions.get(outcome.before)
    if this.kind == "first":
        outcome.right = outcome.promoted and new == 1
    elif this.kind == "identical":
        before = year.done[-1]
        same = decision.get("version") == (before.decision.get("version") if before.decision else None)
        outcome.right = held and new == 0 and same
    elif this.kind == "copies":
        outcome.right = held and new == 0 and outcome.refused == "duplicate_across_splits"
    elif this.kind == "moved":
        outcome.right = held and new == 1 and decision.get("judged") is False
    elif this.kind in ("shuffled", "collapsed"):
        outcome.right = held and new == 1 and not outcome.refused
    elif this.kind == "two at once":
        chain = read_history(year.tracking, NAME)
        outcome.right = (
            new == 2
            and not outcome.refused
            and all(after.instead_of == before.version for before, after in itertools.pairwise(chain))
        )
    else:
        # With the recipe and the people of the champion nothing can have got better.
        same = reign is not None and (reign.week.recipe, reign.week.people[0]) == (this.recipe, this.people[0])
        outcome.right = new == 1 and not outcome.refused and (held or not same)


def better_recipes(year: Year) -> None:
    """A better recipe must have become champion soon after it came."""
    for outcome in year.done:
        if outcome.week.kind in ("better recipe", "rolled back"):
            at = outcome.week.number
            soon = [
                one for one in year.done
                if at <= one.week.number < at + PATIENCE and one.promoted and one.week.recipe == outcome.week.recipe
            ]  # fmt: skip
            outcome.right = bool(soon)
            outcome.later = f" champion in week {soon[0].week.number}" if soon else " not found"


def row(outcome: Outcome) -> str:
    """A line of the table."""
    this, figures = outcome.week, outcome.decision.get("figures", {})
    learned, evaluated = this.people
    recipe = f"{this.recipe[0]} {' '.join(each.split('.')[1] for each in this.recipe[1])}".strip()
    gain = power = level = ""
    if "difference" in figures:
        ends = "…".join(f"{100 * figures[f'difference_{end}']:+.1f}" for end in ("low", "high"))
        gain = f"{100 * figures['difference']:+.1f} ({ends})"
    elif "balanced_accuracy_challenger" in figures:
        above = figures["balanced_accuracy_challenger"] - figures["balanced_accuracy_by_chance"]
        gain = f"{100 * above:+.1f} over chance"
    if "power" in figures:
        found = figures["power"]["gain_found_80_of_100"]
        power = "none" if found is None else f"{100 * found:.1f}"
        level = f"{100 * figures['level']:.2g} ({figures['number']})"
    if outcome.refused:
        said = f"refused: {outcome.refused}"
    elif outcome.decision.get("judged") is False:
        said = "cannot be evaluated"
    else:
        said = "promoted" if outcome.promoted else "stays a challenger" if outcome.versions else "the same version"
        if "at such a price" in " ".join(outcome.decision.get("reasons", [])):
            said += " (guard)"
    note = (f"; {outcome.note}" if outcome.note else "") + (f";{outcome.later}" if outcome.later else "")
    versions = ", ".join(map(str, outcome.versions)) or "none"
    return (
        f"| {this.number} | {this.kind} | {recipe} | {learned} + {evaluated}, {len(this.rows)} clips | {versions} "
        f"| {gain} | {level} | {power} | {said}{note} | {'yes' if outcome.right else '**no**'} |"
    )


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
        year, started = Year(home, corpus(options.folders)), time.monotonic()
        for number in range(1, options.weeks + 1):
            outcome = year.run(number)
            print(f"{time.monotonic() - started:6.0f} s {row(outcome)}", file=sys.stderr, flush=True)
            if options.out:  # what was done stays if the rest is not waited for
                better_recipes(year)
                options.out.mkdir(parents=True, exist_ok=True)
                (options.out / "year.md").write_text(report(year, time.monotonic() - started), encoding="utf-8")
        better_recipes(year)
        publish(report(year, time.monotonic() - started), options.out, "year.md")
        sys.exit(0 if all(outcome.right for outcome in year.done) else 1)


def report(year: Year, seconds: float) -> str:
    """The table, and what stands in the registry at the end."""
    runs = year.tracking.client.search_runs([year.tracking.experiment_id], max_results=5000)
    states: dict[str, int] = {}
    for run in runs:
        states[run.info.status] = states.get(run.info.status, 0) + 1
    tags = year.tracking.reader.model(NAME).tags
    right = sum(outcome.right for outcome in year.done)
    chain = " → ".join(str(entry.version) for entry in read_history(year.tracking, NAME))
    lines = [
        *header("A year of weekly trainings", "mlflow", "scikit-learn", "kfp", more=f"{seconds / 60:.0f} min in all"),
        f"{right} of {len(year.done)} weeks ended as they should. {len(year.versions())} versions, "
        f"{len(entries_in(tags))} comparisons with a champion or chance, champions {chain}. Runs of MLflow at the end: "
        f"{', '.join(f'{count} {state}' for state, count in sorted(states.items()))}.",
        "",
        "RAVDESS and Javanese speech, voice alone. People: learned from + evaluated on. Gain: in points of accuracy "
        "over the champion on the same clips, with the interval of the decision. Level: the chance of a false "
        "promotion that the decision may spend, of 100, and as which challenger of the champion. Found: the gain in "
        "points that is found 80 times of 100.",
        "",
        "| week | kind | recipe | people | new versions | gain | level | found | decision | as it should be |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *map(row, year.done),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
