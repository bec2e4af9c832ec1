"""The command line: what every command takes, and how errors become exit codes.

For ``--help`` only the arguments are imported; a command's module is imported when it runs.
"""

from __future__ import annotations

import argparse
import codecs
import io
import os
import sys
from collections.abc import Sequence

from affekt.argument_names import arguments_named
from affekt.errors import UsageError, as_text
from affekt.pipelines.cli.arguments.about import add_completion, add_doctor, add_settings
from affekt.pipelines.cli.arguments.answers import add_evaluate, add_fuse, add_predict, add_score
from affekt.pipelines.cli.arguments.drift import add_drift
from affekt.pipelines.cli.arguments.models import add_gate, add_models, add_weights
from affekt.pipelines.cli.arguments.pipeline import add_pipeline
from affekt.pipelines.cli.arguments.samples import add_check, add_demo, add_sample
from affekt.pipelines.cli.arguments.schedule import add_schedule
from affekt.pipelines.cli.arguments.serve import add_deploy, add_keys, add_serve
from affekt.pipelines.cli.arguments.train import add_train
from affekt.pipelines.cli.parser import Parser, ShowVersion, add_loudness
from affekt.pipelines.cli.running import ended, run_command

#: In the order in which ``affekt --help`` lists them.
_COMMANDS = (
    add_demo, add_sample, add_check, add_train, add_evaluate, add_predict, add_score, add_fuse, add_models, add_gate,
    add_weights, add_serve, add_keys, add_deploy, add_drift, add_settings, add_pipeline, add_schedule, add_doctor,
    add_completion,
)  # fmt: skip


def main() -> None:
    """The command ``affekt``: run it and exit with its code."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may stand at the cursor
        from affekt.pipelines.cli.completion import complete  # for the shell alone

        complete(build_parser())
    codecs.register_error("spelt", _spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spelt")  # a file's name need not be text
    sys.exit(run(sys.argv[1:]))


def _spelt(error: UnicodeError) -> tuple[str, int]:
    """What cannot be encoded for a stream: bytes of names as everywhere, other signs as Python spells them."""
    assert isinstance(error, UnicodeEncodeError)
    return as_text(error.object[error.start : error.end]).encode("ascii", "backslashreplace").decode(), error.end


def run(arguments: Sequence[str]) -> int:
    """Run one command; here all errors end, each as one sentence, and with ``--json`` also as one document.

    Returns:
        0 done; 1 the input or the outcome is wrong; 2 wrong usage; 130 interrupted.

    Raises:
        SystemExit: the parser showed help (0), or refused the arguments (2).
    """
    with arguments_named("flags"):
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    parser = build_parser()
    try:
        options = parser.parse_args(arguments)
    except UsageError as error:
        raise SystemExit(ended(error, as_json="--json" in arguments)) from None
    if not getattr(options, "module", None):
        parser.print_help()
        return 2
    with arguments_named("flags", vars(options)):
        return run_command(options)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = Parser(
        prog="affekt",
        description="Train, promote and serve models that tell the emotion of a person in a video clip.",
        epilog="State lives below $AFFEKT_HOME (default .affekt). 'affekt COMMAND --help' explains a command.",
    )
    parser.add_argument("--version", action=ShowVersion, help="show the version and the revision, and end")
    add_loudness(parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, summary: str, reads: Sequence[str] = ()) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        added.set_defaults(module=name, reads=reads)
        add_loudness(added)
        return added

    with arguments_named("flags"):
        for add in _COMMANDS:
            add(command)
    return parser
