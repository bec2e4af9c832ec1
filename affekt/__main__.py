"""``python -m affekt`` is the command ``affekt``, found by its entry point: the library knows no command line."""

from __future__ import annotations

from importlib.metadata import entry_points

if __name__ == "__main__":
    (command,) = entry_points(group="console_scripts", name="affekt")
    command.load()()
