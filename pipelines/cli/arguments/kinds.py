"""Kinds of arguments that more than one command takes, and what is read from their texts."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from typing import Protocol

from affekt.errors import DataError
from affekt.extensions import extension_names
from affekt.pipelines.cli.parser import add_loudness
from affekt.server_address import check_server_address

DATA = (
    f"a folder (with a manifest.csv, or laid out as one of {', '.join(extension_names('layout'))}) or a CSV file; "
    "local or s3://"
)
#: As a person writes it; the limit is far beyond any count, and what Python reads.
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
REF = "a registered model, name@champion or name/7, or a folder (default: affekt@champion)"


class AddCommand(Protocol):
    """Adds a command, and gives the parser of its arguments."""

    def __call__(self, name: str, summary: str, reads: Sequence[str] = ()) -> argparse.ArgumentParser:
        """Add it.

        Args:
            name: of the command, and of the module that runs it.
            summary: in the list of commands, and above its own help.
            reads: the arguments that name files or folders to be read.
        """


class Actions:
    """The actions of a command, such as ``affekt models list``."""

    def __init__(self, command: argparse.ArgumentParser) -> None:
        self._parsers = command.add_subparsers(title="actions", metavar="ACTION")

    def add(self, name: str, summary: str, reads: Sequence[str] | None = None) -> argparse.ArgumentParser:
        """Add an action; ``reads`` as of a command, by default what the command itself reads."""
        added = self._parsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        added.set_defaults(action=name, **({} if reads is None else {"reads": reads}))
        add_loudness(added)
        return added


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")


def add_overrides(parser: argparse.ArgumentParser, meaning: str) -> None:
    """``--set key=value``, as often as wanted."""
    parser.add_argument(
        "--set", action="append", default=[], metavar="key=value", dest="overrides", help=f"{meaning}; may be repeated"
    )


def add_preset(parser: argparse.ArgumentParser) -> None:
    """``--preset``."""
    parser.add_argument("--preset", default="small", choices=("small", "paper"), help="(default small)")


def protocol(text: str) -> str:
    """How a method is evaluated: ``fixed``, ``folds:5`` ..."""
    if not re.fullmatch(r"fixed|three_splits|leave_one_subject_out|folds:([2-9]|[1-9]\d+)", text):
        raise argparse.ArgumentTypeError(
            f"expected fixed, three_splits, leave_one_subject_out or folds:K with K from 2 on, got {text}"
        )
    return text


def who(text: str) -> str:
    """A person among several: ``left``, ``largest``, 2 ..."""
    if not re.fullmatch(r"prominent|left|right|largest|longest|[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"expected left, right, largest, longest or a number from 1 on, got {text}")
    return text


def port(text: str) -> int:
    """A port of TCP."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text}")
    return int(text)


def labels(text: str) -> list[str]:
    """Labels with commas between them, in any known spelling: ``happy,sad``."""
    from affekt.dataset.labels import canonical_label  # its room imports numpy

    try:
        found = [canonical_label(word.strip()) for word in text.split(",")]
    except DataError as error:
        raise argparse.ArgumentTypeError(error.message) from error
    if len(set(found)) < 2:
        raise argparse.ArgumentTypeError(f"expected two labels or more, got {text}: one leaves nothing to tell apart")
    return found


def add_labels(parser: argparse.ArgumentParser) -> None:
    """``--labels``."""
    parser.add_argument(
        "--labels", type=labels, default=[], metavar="happy,sad,…",
        help="only these labels can be right, and answers are among them",
    )  # fmt: skip


def add_data(parser: argparse.ArgumentParser, meaning: str) -> None:
    """``DATA``, and ``--data`` for further data sets; :func:`affekt.pipelines.cli.data_sets.data_meant` reads both."""
    parser.add_argument("data", nargs="?", default="", metavar="DATA", help=meaning)
    parser.add_argument(
        "--data", action="append", default=[], dest="further", metavar="DATA",
        help="another data set, taken together with the first: subjects and labels stay apart; may be repeated",
    )  # fmt: skip


def server_url(text: str) -> str:
    """The address of a server; one without a scheme is of http."""
    try:
        check_server_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not _WHOLE.fullmatch(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text}")
    return int(text)


def whole(text: str) -> int:
    """A whole number from 0 on."""
    if not _WHOLE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, got {text}")
    return int(text)


def times(text: str) -> float:
    """A number above 1."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 1 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 1, as 2 or 1.5, got {text}")
    return found


def of_hundred(text: str) -> int:
    """How many of 100, from 1 on."""
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100, got {text}")
    return int(text)


def seconds(text: str) -> float:
    """A time above 0, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text}")
    return value


def sha256(text: str) -> str:
    """A digest of a file, in small letters."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"expected a SHA-256, 64 hexadecimal digits, got {text}")
    return text.lower()


def share(text: str) -> float:
    """A number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a number between 0 and 1, got {text}")
    return value
