"""Arguments of the commands for a first try: ``demo`` and ``sample``, and of ``check``."""

from __future__ import annotations

from affekt.pipelines.cli.arguments.kinds import DATA, AddCommand, add_json, positive, whole


def add_demo(command: AddCommand) -> None:
    """``affekt demo``."""
    demo = command("demo", "sample clips -> pipeline -> registry -> TorchServe -> an answer")
    demo.add_argument("--clips-per-label", type=positive, default=6, metavar="N", help="sample clips (default 6)")


def add_sample(command: AddCommand) -> None:
    """``affekt sample``."""
    sample = command("sample", "write labelled sample clips for a try; figures on them say nothing about accuracy")
    sample.add_argument("folder", metavar="DIR")
    sample.add_argument("--clips-per-label", type=positive, default=6, metavar="N", help="(default 6)")
    sample.add_argument("--seed", type=whole, default=0, help="(default 0)")


def add_check(command: AddCommand) -> None:
    """``affekt check``."""
    check = command("check", "validate a data set and tell everything that is wrong with it; exit 1 on errors")
    check.add_argument("data", metavar="DATA", help=DATA)
    add_json(check)
