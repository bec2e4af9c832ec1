"""A parser whose refusals are errors like all others, with the nearest name of what there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import affekt
from affekt.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An :class:`argparse.ArgumentParser` that raises instead of ending the process; its subparsers do as well."""

    def error(self, message: str) -> NoReturn:
        """Show the usage, and refuse.

        Raises:
            UsageError: always.
        """
        self.print_usage(sys.stderr)
        raise UsageError(message, code="usage")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse; an unknown option is refused by the command that was given it, so that its usage is shown."""
        found, extras = super().parse_known_args(args, namespace)
        unknown = [extra.partition("=")[0] for extra in extras if extra.startswith("-") and extra != "-"]
        if unknown:
            self.error(f"unknown option {unknown[0]}{_nearest(unknown[0], self._option_string_actions)}")
        return found, extras

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # Mostly a variable of the shell that is not set; the default would be a silent guess. What stands behind a
        # command is looked at by its own parser.
        if "" in arg_strings[: 1 if action.nargs == argparse.PARSER else None]:
            raise argparse.ArgumentError(action, "expected a value, got an empty one; is a variable not set?")
        return super()._get_values(action, arg_strings)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None:
            return
        choices = [str(choice) for choice in action.choices]
        # A list such as svc,vgg of an option whose metavar says so is looked at name by name.
        for name in str(value).split(",") if str(action.metavar).endswith(",…") else [value]:
            if name not in action.choices:
                raise argparse.ArgumentError(
                    action, f"there is no {str(name)!r}{_nearest(str(name), choices)}; choose from {', '.join(choices)}"
                )


class ShowVersion(argparse.Action):
    """``--version``: git is asked for the revision only when somebody wants to know."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version and the revision, and end.

        Raises:
            SystemExit: always, with 0.
        """
        from affekt.revision import revision  # starts git, for --version alone

        print(f"affekt {affekt.__version__} (revision {revision()})")
        parser.exit()


def add_loudness(parser: argparse.ArgumentParser) -> None:
    """``--quiet`` and ``--verbose``, which stand before a command as well as behind it."""
    parser.add_argument(
        "-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="say only results and errors"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=argparse.SUPPRESS,
        help="say everything, of the libraries as well",
    )  # fmt: skip


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # for refusals alone

    bare = {each.lstrip("-"): each for each in known}  # the dashes of two flags are no likeness
    near = get_close_matches(name.lstrip("-"), list(bare), n=1, cutoff=0.6)
    return f"; did you mean {bare[near[0]]}" if near else ""
