"""One registry and the weeks that are done with it: plain ones here, the others as commands that something befalls."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from year_plan import WEAK, Row, Week, week
from year_run import train
from year_verdicts import Outcome, as_it_should_be

from affekt import lifeline
from affekt.errors import AffektError
from affekt.registry import Tracking, list_models, read_history, rollback

NAME = "year"
COMMON = ["gate.check_serving=false", "gate.min_subjects=4", "fusion.folds=2", "evaluation.bootstrap=1000"]


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
        outcome.right = as_it_should_be(outcome, self.done, read_history(self.tracking, NAME))
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
        """``affekt train``, which ends with this process."""
        model, own = recipe
        options = [f"--set={each}" for each in (*COMMON, *own, *more)]
        return lifeline.command("affekt", ["train", str(data), "--only", model, "--name", NAME, "--json", *options])

    def environment(self, **more: str) -> dict[str, str]:
        """Of ``affekt train``."""
        return {**os.environ, **lifeline.environment(), "AFFEKT_HOME": str(self.home), **more}

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
