"""``affekt schedule``: trainings that start again by the clock, declared in a file."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from affekt.components.image import IMAGE
from affekt.counted import counted
from affekt.errors import DataError, UsageError
from affekt.home import home
from affekt.notify.recipients import VARIABLE
from affekt.pipelines.cli.outputs import check_output, write_output
from affekt.pipelines.cli.remarks import remark
from affekt.pipelines.schedules.backends import Backend, backends_of
from affekt.pipelines.schedules.export import ENVIRONMENT_FILE, cron_job, systemd_units
from affekt.pipelines.schedules.file import read_schedules
from affekt.pipelines.schedules.machine import Machine
from affekt.pipelines.schedules.outcome import Outcome
from affekt.pipelines.schedules.plan import Change
from affekt.pipelines.schedules.schedule import Schedule, ScheduleFile
from affekt.pipelines.schedules.serve import Server, next_start
from affekt.pipelines.schedules.state import State
from affekt.progress import told_when_slow
from affekt.storage import is_remote, secrets_hidden

#: Clips to label of each schedule, where nothing else is said.
_MOST = 50
_SIGNS = {"create": "+", "replace": "~", "resume": "~", "pause": "~", "remove": "-", "keep": " ", "left": " "}


def main(options: argparse.Namespace) -> int:
    """Do the chosen action."""
    if refused := _refused(options):
        raise UsageError(refused, code="usage")
    file = read_schedules(Path(options.file))
    if options.action in ("serve", "export") and not file.schedules:
        raise DataError(
            "has no schedules; write one into it, as docs/schedules.md says", code="no_schedule", where=options.file
        )
    if options.action in ("plan", "apply", "serve"):
        _warn(file)
    if options.action in ("plan", "apply"):
        return change(file, prune=options.prune, act=options.action == "apply", as_json=options.json)
    if options.action == "list":
        if options.to_label:
            write_to_label(file, options.to_label, options.most or _MOST)
        return show(file, as_json=options.json)
    if options.action == "serve":
        return serve(file)
    if options.action == "export":
        return export(file, options)
    schedule = file.named(options.name)
    if schedule is None:
        names = ", ".join(each.name for each in file.schedules) or "none"
        raise DataError(f"has no schedule {options.name}; it has {names}", code="no_schedule", where=options.file)
    backend = next(each for each in backends_of(file) if schedule.runner in each.runners)
    said = backend.run_now(schedule) if options.action == "run-now" else backend.pause(schedule)
    print(f"{schedule.name}: {said}")
    return 0


def _refused(options: argparse.Namespace) -> str:
    """Why these flags cannot be used together; empty where they can."""
    if options.action == "list" and options.most and not options.to_label:
        return "--most counts the clips that --to-label writes; name its file, or leave --most out"
    if options.action == "export" and options.to == "systemd" and options.claim:
        return "--claim names a volume of CronJobs; leave it out for systemd"
    return ""


def _warn(file: ScheduleFile) -> None:
    """Say what is not there and would let starts fail: it may come before they are due."""
    for schedule in file.of(*Machine.runners):
        for place in (schedule.data, schedule.faces):
            if place and not is_remote(place) and not Path(place).exists():
                remark(f"affekt: {schedule.name}: {place} is not there; a start would fail")
        notify = schedule.notify
        for address in (notify.webhook, notify.slack) if notify else ():
            variable = VARIABLE.fullmatch(address)
            if variable and not os.environ.get(variable[1]):
                remark(f"affekt: {schedule.name}: {address} is not set here; where it is not, nobody is told")


def change(file: ScheduleFile, *, prune: bool, act: bool, as_json: bool) -> int:
    """Show the plan of every back end, and do it."""
    # All are planned before any is changed, so that an address that does not answer leaves nothing half done.
    planned = [(backend, backend.plan(prune=prune)) for backend in backends_of(file, prune=prune)]
    if not as_json:
        for backend, changes in planned:
            _print_plan(backend, changes)
    for backend, changes in planned:
        if act:
            backend.apply(changes)
    if as_json:
        places = [
            {"place": backend.place, "changes": [each.to_dict() for each in changes]} for backend, changes in planned
        ]
        print(json.dumps({"applied": act, "places": places}, indent=2))
    elif act:
        done = sum(each.action not in ("keep", "left") for _, changes in planned for each in changes)
        print(f"applied: {counted(done, 'changes')}" if done else "nothing to change")
        if file.of(*Machine.runners):
            remark(f"schedules of this machine start while `{file.command('serve')}` runs")
    return 0


def _print_plan(backend: Backend, changes: Sequence[Change]) -> None:
    print(f"{backend.place}:")
    for each in changes:
        print(f"  {_SIGNS[each.action]} {each.action:<8}{each.name:<24}{each.why}")


def show(file: ScheduleFile, *, as_json: bool) -> int:
    """When each schedule starts next, and how its last runs ended."""
    rows = [row for backend in backends_of(file) for row in backend.listing()]
    if as_json:
        print(json.dumps({"schedules": rows}, indent=2))
        return 0
    if not rows:
        print("the file has no schedules")
    for row in rows:
        print(f"{row['name']:<24}{row['state']:<14}{row['next'] or '–'}")
        for run in row["runs"][-3:]:
            said = Outcome.from_dict(run["outcome"]).sentence() if run["outcome"] else run["state"]
            print(f"  {run['due']:<28}{said}")
    return 0


def write_to_label(file: ScheduleFile, path: str, most: int) -> None:
    """Write the next clips to label of every schedule whose name has a champion."""
    from affekt.ensemble import Ensemble  # heavy: torch, which no other action needs
    from affekt.registry import Tracking, list_models, resolve  # as above
    from affekt.steps.to_label import as_csv, next_to_label  # as above

    check_output(path)
    tracking, text = Tracking(), as_csv([], "")
    for schedule in file.schedules:
        champion = [
            each for each in list_models(tracking) if each.name == schedule.model and "champion" in each.aliases
        ]
        if not champion:
            remark(f"{schedule.name}: {schedule.model} has no champion to ask")
            continue
        with told_when_slow(f"{schedule.name}: asking {champion[0].reference}"):
            ensemble = Ensemble.load(resolve(champion[0].reference, tracking))
            found = next_to_label(ensemble, schedule.data, str(home() / "store"), most=most)
        text += as_csv(found, schedule.name, header=False)
        remark(f"{schedule.name}: {counted(len(found), 'clips')} to label, {path}")
    write_output(path, text)


def serve(file: ScheduleFile) -> int:
    """Apply the file on this machine without removing anything, and start what is due."""
    if elsewhere := ", ".join(each.name for each in file.of("cluster")):
        if not file.of(*Machine.runners):
            raise DataError(
                f"has schedules in Kubeflow alone ({elsewhere}), which starts them by itself; apply the file",
                code="nothing_to_serve",
            )
        remark(f"{elsewhere}: kept and started by Kubeflow, once the file is applied")
    machine = Machine(file, State())
    machine.apply(machine.plan(prune=False))
    server = Server(machine.state)
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda *_: server.stopping.set())
    for schedule in file.of(*Machine.runners):
        print(f"{schedule.name:<24}{_next(schedule)}", flush=True)
    print(f"logs of the runs are in {home() / 'schedules'}; interrupt to stop", flush=True)
    server.serve()
    return 0


def _next(schedule: Schedule) -> str:
    due = next_start(schedule, datetime.now(UTC)) if schedule.enabled else None
    return due.astimezone(ZoneInfo(schedule.time_zone)).isoformat(timespec="minutes") if due else "does not start"


def export(file: ScheduleFile, options: argparse.Namespace) -> int:
    """Write units of systemd or CronJobs, and say what to do with them."""
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if options.to == "cronjob" and not uri.startswith(("http://", "https://")):
        raise DataError(
            "pods need the http(s) address of an MLflow server; set MLFLOW_TRACKING_URI to it", code="not_remote"
        )
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    command = shutil.which("affekt", path=str(Path(sys.executable).parent)) or "affekt"
    written: dict[str, str] = {}
    for schedule in file.schedules:
        if options.to == "systemd":
            if schedule.enabled:
                written |= systemd_units(schedule, command, str(home()), uri if secrets_hidden(uri) == uri else "")
            else:
                remark(f"{schedule.name} is disabled and left out")
            continue
        written[f"affekt-{schedule.name}.cronjob.yaml"] = cron_job(schedule, IMAGE, uri, options.claim or "affekt-home")
    for name, text in written.items():
        write_output(str(folder / name), text)
        print(folder / name)
    if options.to == "systemd" and written:
        if kept_back := _kept_back(uri):
            remark(
                f"not in the units, which see no shell: {', '.join(kept_back)}; write what they need into "
                f"{home() / ENVIRONMENT_FILE}, NAME=value each"
            )
        remark("copy them to ~/.config/systemd/user, then: systemctl --user enable --now NAME.timer")
    return 0


def _kept_back(tracking_uri: str) -> list[str]:
    """The variables that are set here, mean something to a training, and are not written into units."""
    # Two of them are set by affekt itself.
    said = {
        "AFFEKT_HOME",
        "AFFEKT_LOG_LEVEL",
        "MLFLOW_DISABLE_TELEMETRY",
        *([] if secrets_hidden(tracking_uri) != tracking_uri else ["MLFLOW_TRACKING_URI"]),
    }
    return sorted(name for name in os.environ if name.startswith(("AFFEKT_", "AWS_", "MLFLOW_")) and name not in said)
