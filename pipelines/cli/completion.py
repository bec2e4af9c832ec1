"""``affekt completion``: what a shell offers at the cursor, by argcomplete.

The shell asks the command itself (:func:`complete`), so what it offers is what is there: models of the local registry,
settings, checkpoints.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import argcomplete
from argcomplete.completers import ChoicesCompleter, FilesCompleter
from argcomplete.shell_integration import shellcode

from affekt.dataset.labels import LABELS
from affekt.extensions import extension_names
from affekt.home import state_folder
from affekt.pretrained.catalogue import CATALOGUE

_SCHEME = "sqlite:///"
#: A zsh without a configuration of its own completes nothing yet.
_ZSH_COMPLETES = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i -D; }"


def main(options: argparse.Namespace) -> None:
    """Print the script of a shell."""
    script = shellcode(["affekt"], shell=options.shell)
    if options.shell == "zsh":
        first, _, rest = script.partition("\n")  # the mark of a file of completions stays the first line
        script = f"{first}\n{_ZSH_COMPLETES}\n{rest}"
    print(script)


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell that asks by argcomplete's environment variables, and end the process."""
    for action in _actions(parser):
        action.completer = _completer(action)  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False)


def references() -> list[str]:
    """Models of the registry on this machine, ``name@alias`` and ``name/version``; none where it is a server's.

    MLflow takes seconds to be imported, which nobody waits for at a key: its tables are read.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{_SCHEME}{state_folder() / 'mlflow.db'}"
    if not uri.startswith(_SCHEME):
        return []
    file = uri.removeprefix(_SCHEME).partition("?")[0]
    with contextlib.suppress(sqlite3.Error):
        opened = sqlite3.connect(f"file:{quote(file)}?mode=ro", uri=True, timeout=0.2)
        with contextlib.closing(opened) as database:
            aliases = database.execute("SELECT name || '@' || alias FROM registered_model_aliases ORDER BY 1")
            versions = database.execute(
                "SELECT name || '/' || version FROM model_versions WHERE current_stage <> 'Deleted_Internal' "
                "ORDER BY name, version DESC"
            )
            return [row[0] for row in [*aliases, *versions]]
    return []


def settings_keys() -> list[str]:
    """Every setting."""
    from affekt.settings.schema import Settings  # only some completions ask for settings
    from affekt.settings.setting import settings_of  # as above

    return list(settings_of(Settings))


#: What an argument offers, by its metavar or its name; what is not here offers files, or its choices.
_OFFERED: dict[str, Callable[[], list[str]]] = {
    "REF": references,
    "KEY": settings_keys,
    "key=value": lambda: [f"{key}=" for key in settings_keys()],
    "checkpoint": lambda: [entry.name for entry in CATALOGUE],
    "method": lambda: ["all", *extension_names("fusion")],
    "WHO": lambda: ["left", "right", "largest", "longest"],
    "protocol": lambda: ["fixed", "three_splits", "leave_one_subject_out", "folds:5", "folds:10"],
    "profile": lambda: ["cpu", "gpu", "multi-gpu", "spot"],
    "labels": lambda: list(LABELS),
    "key=N": lambda: [f"{name}=" for name in ("new_clips", "new_subjects", "days", "drift")],
}
#: Metavars of texts that nobody can know.
_FREE = (
    "N", "S", "D", "P", "SECONDS", "DAYS", "WHEN", "PERCENT", "TEXT", "NAME", "URL", "DIGEST", "VERSION", "a,b",
    "a=.1,b=.2", None,
)  # fmt: skip


def _completer(action: argparse.Action) -> Callable[..., Any]:
    offered = _OFFERED.get(str(action.metavar)) or _OFFERED.get(action.dest)
    if action.choices is not None:
        return ChoicesCompleter({str(choice): "" for choice in action.choices})
    if offered is None and action.metavar in _FREE:
        return ChoicesCompleter({})  # the option is offered, and no value
    files = FilesCompleter()

    def offers(prefix: str, **asked: Any) -> list[str]:
        """What begins so; a folder or a file may stand where a model or a checkpoint does."""
        named = [value for value in offered() if value.startswith(prefix)] if offered else []
        return named or (list(files(prefix, **asked)) if offered in (None, references) else [])

    return offers


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of all below it that take a value."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
        elif action.nargs != 0:
            yield action
