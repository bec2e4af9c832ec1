"""Arguments of ``affekt schedule``."""

from __future__ import annotations

import argparse

from affekt.pipelines.cli.arguments.kinds import Actions, AddCommand, add_json, positive

_FILE = "a YAML file of schedules; docs/schedules.md says what stands in it"


def add_schedule(command: AddCommand) -> None:
    """``affekt schedule``."""
    actions = Actions(command("schedule", "train again by the clock, as a file says"))

    def action(name: str, summary: str) -> argparse.ArgumentParser:
        added = actions.add(name, summary, reads=("file",))
        added.add_argument("file", metavar="FILE", help=_FILE)
        return added

    for name, summary in (
        ("plan", "show what applying the file would change; changes nothing"),
        ("apply", "make schedules what the file says, on this machine and in Kubeflow, and show what that changes"),
    ):
        changing = action(name, summary)
        changing.add_argument("--prune", action="store_true", help="remove schedules that are no longer in the file")
        add_json(changing)
    listing = action("list", "the schedules of the file: when each starts next, and how its last runs ended")
    listing.add_argument(
        "--to-label", metavar="CSV",
        help="write the clips without a label that should be labelled next, of all schedules: those on which the "
        "champion is least sure, spread over people",
    )  # fmt: skip
    listing.add_argument("--most", type=positive, metavar="N", help="of each schedule with --to-label (default 50)")
    add_json(listing)
    action("run-now", "start a schedule of the file at once, beside its times").add_argument("name", metavar="NAME")
    action("pause", "let a schedule start no more, until the file is applied again").add_argument(
        "name", metavar="NAME"
    )
    action("serve", "apply the file here, and start its schedules on this machine when they are due, until interrupted")
    exporting = action("export", "write the schedules for a scheduler that is there already")
    exporting.add_argument(
        "--to", choices=("systemd", "cronjob"), default="systemd",
        help="timers and services of systemd, or CronJobs of Kubernetes (default systemd)",
    )  # fmt: skip
    exporting.add_argument("--out", default=".", metavar="DIR", help="folder to write into (default: the current one)")
    exporting.add_argument(
        "--claim", metavar="NAME",
        help="volume claim that holds the state of CronJobs (default affekt-home)",
    )  # fmt: skip
