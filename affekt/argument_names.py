"""How a text calls an argument: as Python names it; as its flag, where the command line runs; with its command, for
whoever asks a server, which does not take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Style = Literal["python", "flags", "commands"]

_style: Style = "python"


def argument(name: str, value: str = "", *, command: str = "") -> str:
    """An argument's name in the present style.

    Args:
        name: as Python has it.
        value: that may be given.
        command: that takes it, without ``affekt``.

    Returns:
        ``person=`` or ``only='vgg'``; ``--person`` or ``--only vgg``; or ``affekt predict --person``.
    """
    if _style == "python":
        return f"{name}={value!r}" if value else f"{name}="
    flag = f"--{name.replace('_', '-')} {value}".rstrip()
    return f"affekt {command} {flag}" if command and _style == "commands" else flag


def setting(override: str) -> str:
    """How a setting is given another value: ``--set vgg.iterations=300``, or ``settings=['vgg.iterations=300']``."""
    return f"settings=[{override!r}]" if _style == "python" else f"--set {override}"


def flag(name: str, command: str) -> str:
    """An argument that Python does not take: ``--fresh``, or ``affekt train --fresh`` where no command runs."""
    return f"--{name}" if _style == "flags" else f"affekt {command} --{name}"


@contextmanager
def arguments_named(style: Style) -> Iterator[None]:
    """Within it texts of this process, and of those that it forks, name arguments in a style."""
    global _style
    before, _style = _style, style
    try:
        yield
    finally:
        _style = before
