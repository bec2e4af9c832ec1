"""Runs a command: how loud it is, where caches of libraries lie, and where all errors end."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from affekt.errors import AffektError, DataError, UsageError, as_affekt_error, printable
from affekt.home import caches
from affekt.pipelines.cli.colours import painted
from affekt.pipelines.cli.parser import model_meant
from affekt.progress import without_bars

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def run_command(options: argparse.Namespace) -> int:
    """Run the command that was parsed; every error is told, and is its exit code."""
    as_json = getattr(options, "json", None) in (True, "-")
    try:
        with _surroundings(*_levels(options)), without_bars() if as_json else contextlib.nullcontext():
            _look_for(options)
            module = importlib.import_module(f"affekt.pipelines.cli.{options.module}")
            code = int(module.main(options) or 0)
            sys.stdout.flush()
            return code
    except BrokenPipeError:
        # The reader of our output went away (``| head``); there is nobody left to tell.
        say_no_more()
        return 1
    except OSError as error:
        if error.filename is None:  # as of a full disk
            error.filename = f"standard output, or the state below {os.environ.get('AFFEKT_HOME') or '.affekt'}"
        return ended(as_affekt_error(error), as_json=as_json)
    except (AffektError, KeyboardInterrupt, MemoryError) as error:
        return ended(as_affekt_error(error), as_json=as_json)
    except Exception as error:
        found = as_affekt_error(error)
        if found.code != "not_installed":
            traceback.print_exc()
            found.message += " (a fault of affekt, not of what it was given; the lines above tell where)"
        return ended(found, as_json=as_json)


def _look_for(options: argparse.Namespace) -> None:
    """Look for the files and folders that the command reads, before anything is imported for it.

    Raises:
        DataError: one of this machine is not there.
        OSError: it cannot be there, or may not be seen.
    """
    for name in getattr(options, "reads", ()):
        given = getattr(options, name) or ""
        for place in given if isinstance(given, list) else _places(given):
            here = place and "://" not in place and getattr(options, "runner", "") != "cluster"
            if here and not Path(place).exists():
                model = model_meant([place]) if hasattr(options, "model") else ""
                remedy = ", or ".join(filter(None, ["check the path", model]))
                raise DataError(f"there is no such file or folder; {remedy}", code="missing_file", where=place)


def _places(given: str) -> Sequence[str]:
    """The places of several data sets in one text, or the one."""
    if " + " not in given:
        return [given]
    from affekt.dataset.several import places_of  # its room imports numpy

    return places_of(given)


def ended(error: AffektError, *, as_json: bool) -> int:
    """Tell an error, and return the exit code that it means."""
    print(f"{painted('affekt:', 'red', sys.stderr)} {error}", file=sys.stderr)
    document = {"error": error.to_dict()}
    try:
        print(json.dumps(document, indent=2) if as_json else "", end="\n" if as_json else "", flush=True)
    except OSError:
        say_no_more()
    if error.code == "interrupted":
        return 130
    return 2 if isinstance(error, UsageError) else 1


def say_no_more() -> None:
    """Let what waits to be written to standard output go nowhere; at exit it would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _levels(options: argparse.Namespace) -> tuple[str, str]:
    """The level of what affekt logs here, and in the processes that it starts, whose logs are kept in files as well.

    Raises:
        UsageError: ``--quiet`` and ``--verbose`` are both there, or ``AFFEKT_LOG_LEVEL`` names no level.
    """
    quiet, verbose = getattr(options, "quiet", False), getattr(options, "verbose", False)
    if quiet and verbose:
        raise UsageError("--quiet and --verbose are opposites; choose one", code="usage")
    level = (os.environ.get("AFFEKT_LOG_LEVEL") or "INFO").upper()
    if level not in _LEVELS:
        raise UsageError(f"AFFEKT_LOG_LEVEL is {level}; expected one of {', '.join(_LEVELS)}", code="usage")
    return ("ERROR", level) if quiet else ("DEBUG", "DEBUG") if verbose else (level, level)


class _Printable(logging.Formatter):
    """Messages alone, without signs in the names of files that would steer a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The message."""
        return printable(super().format(record), lines=True)


@contextlib.contextmanager
def _surroundings(here: str, below: str) -> Iterator[None]:
    """Within it logs have their level, and the environment tells other processes theirs, and the places of caches."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Printable())
    logging.basicConfig(handlers=[handler])
    logging.getLogger().setLevel({"DEBUG": "INFO", "INFO": "WARNING"}.get(here, here))
    logging.getLogger("affekt").setLevel(here)
    ours = {**caches(), "AFFEKT_LOG_LEVEL": below}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
