"""How a text calls an argument: as Python names it; as its flag, where the command line runs; with its command, for
whoever asks a server, which does not take it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Literal

Style = Literal["python", "flags", "commands"]

_style: Style = "python"
_taken: frozenset[str] | None = None


def argument(name: str, value: str = "", *, command: str = "") -> str:
    """An argument's name in the present style.

    Args:
        name: as Python has it.
        value: that may be given.
        command: that takes it, without ``affekt``; it is named where the one that runs does not.

    Returns:
        ``person=`` or ``only='vgg'``; ``--person`` or ``--only vgg``; or ``affekt predict --person``.
    """
    if _style == "python":
        return f"{name}={value!r}" if value else f"{name}="
    flag = f"--{name.replace('_', '-')} {value}".rstrip()
    return f"affekt {command} {flag}" if command and (_style == "commands" or not takes(name)) else flag


def typed(name: str, value: str) -> str:
    """A value as it is given: behind its flag where a command runs that takes it, else alone."""
    return argument(name, value) if _style == "flags" and takes(name) else value


def takes(name: str) -> bool:
    """Whether the command that runs takes an argument; whoever asks from Python can call what does."""
    return _taken is None or name in _taken


def setting(override: str) -> str:
    """How a setting is given another value: ``--set vgg.iterations=300``, or ``settings=['vgg.iterations=300']``."""
    return f"settings=[{override!r}]" if _style == "python" else f"--set {override}"


def flag(name: str, command: str) -> str:
    """An argument that Python does not take: ``--fresh``, or ``affekt train --fresh`` where no command runs."""
    return f"--{name}" if _style == "flags" and takes(name) else f"affekt {command} --{name}"


@contextmanager
def arguments_named(style: Style, taken: Collection[str] | None = None) -> Iterator[None]:
    """Within it texts of this process, and of those that it forks, name arguments in a style.

    Args:
        style: of the names.
        taken: what the command that runs takes, as Python has the names; None where that is not known.
    """
    global _style, _taken
    before = _style, _taken
    _style, _taken = style, None if taken is None else frozenset(taken)
    try:
        yield
    finally:
        _style, _taken = before
