"""A parser whose refusals are errors like all others, with the nearest name of what there is."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Container, Iterable, Sequence
from typing import Any, NoReturn

import affekt
from affekt.errors import UsageError
from affekt.model_names import NAME

#: A registered model where something else is expected: ``name@champion`` or ``name/7``.
_MODEL = re.compile(rf"(?:models:/)?{NAME.pattern}(?:@{NAME.pattern}|/\d+)")


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
        """Parse; the command that was given what is unknown or too much refuses it, so that its usage is shown."""
        found, extras = super().parse_known_args(args, namespace)
        unknown = [extra.partition("=")[0] for extra in extras if extra.startswith("-") and extra != "-"]
        if unknown:
            self.error(f"unknown option {unknown[0]}{_nearest(unknown[0], self._option_string_actions)}")
        if extras:
            self._take_further(found, extras)
            extras = []
        below = self._subparsers._group_actions[0] if self._subparsers else None
        if below and below.metavar == "ACTION" and not hasattr(found, "action"):
            self.error(f"{self.prog} needs an action: {', '.join(map(str, below.choices or ()))}")
        return found, extras

    def _take_further(self, found: argparse.Namespace, extras: list[str]) -> None:
        """Take the names that stand behind a flag, of a command that takes any number of them; refuse others."""
        last = next(reversed(self._positionals._group_actions), None)
        if last is None or last.nargs != "+":
            self.error(self._too_many(found, extras))
        try:
            further = self._get_values(last, extras)
        except argparse.ArgumentError as error:
            self.error(str(error))
        setattr(found, last.dest, [*getattr(found, last.dest), *further])

    def _too_many(self, found: argparse.Namespace, extras: list[str]) -> str:
        """Which values are too many, what the command takes, and by which flag they may have been meant."""
        takes = [action for action in self._positionals._group_actions if action.help is not argparse.SUPPRESS]
        named = " ".join(str(action.metavar or "|".join(map(str, action.choices or ()))) for action in takes)
        given = [value for value in (getattr(found, action.dest, None) for action in takes) if isinstance(value, str)]
        sentence = f"takes {named} alone, and here is also" if named else "takes nothing like"
        advice = model_meant([*given, *extras], self._option_string_actions)
        if not advice and "--data" in self._option_string_actions:
            advice = f"name further data by --data {extras[0]}"
        return "; ".join(filter(None, [f"{self.prog} {sentence} {' '.join(extras)}", advice]))

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
                told = f"there is no {str(name)!r}{_nearest(str(name), choices)}"
                model = model_meant([str(name)], self._option_string_actions)
                raise argparse.ArgumentError(
                    action, "; ".join(filter(None, [told, model, f"choose from {', '.join(choices)}"]))
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


def model_meant(values: Iterable[str], flags: Container[str] = ("--model",)) -> str:
    """``"name a model by --model …"`` where one of the values can be one, and the command takes that flag."""
    known = [value for value in values if _MODEL.fullmatch(value)] if "--model" in flags else []
    return f"name a model by --model {known[0]}" if known else ""


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # for refusals alone

    bare = {each.lstrip("-"): each for each in known}  # the dashes of two flags are no likeness
    near = get_close_matches(name.lstrip("-"), list(bare), n=1, cutoff=0.6)
    return f"; did you mean {bare[near[0]]}" if near else ""
