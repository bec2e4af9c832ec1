"""Every command, action and option as a document, made from the parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from affekt.pipelines.cli import build_parser

#: What the parser of every command takes, and is said once.
_EVERYWHERE = ("quiet", "verbose")


def markdown() -> str:
    """The reference of the command line."""
    lines = [
        "# Commands", "",
        "Written by `make reference` from the code; `affekt COMMAND --help` says the same. "
        "Exit codes: 0 done, 1 the input or the outcome is wrong, 2 wrong usage, 130 interrupted.", "",
        "Every command takes `-q`, `--quiet` (say only results and errors) and `-v`, `--verbose` (say everything, "
        "of the libraries as well), and so does `affekt` itself, before the command. `affekt --version` shows the "
        "version and the revision. Colours are shown on terminals alone; `NO_COLOR=1` forbids them, `FORCE_COLOR=1` "
        "asks for them.", "",
    ]  # fmt: skip
    for parser, summary in _commands(build_parser()):
        lines += [f"## {parser.prog}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
        rows = list(_rows(parser))
        if rows:
            lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Every parser below one, with the line that lists it."""
    for group in parser._actions:
        if isinstance(group, argparse._SubParsersAction):
            summaries = {action.dest: action.help or "" for action in group._choices_actions}
            for name, below in group.choices.items():
                yield below, summaries[name]
                yield from _commands(below)


def _rows(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or action.dest in _EVERYWHERE:
            continue
        value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
        name = str(value)
        if action.option_strings:
            takes = "" if action.nargs == 0 else f" [{value}]" if action.nargs == "?" else f" {value}"
            name = f"{', '.join(action.option_strings)}{takes}"
        elif action.nargs in ("?", "*"):
            name = f"[{value}]"
        meaning = (action.help or "").replace("%%", "%")
        yield f"| `{_cell(name)}` | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
