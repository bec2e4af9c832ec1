"""A configuration of openSMILE as one text, without the components of which nothing reaches what is asked for.

What is left works as in the whole: components hand their values on by level, and one that nobody reads from changes no
other. eGeMAPSv02 brings a fifth of its components from GeMAPS, for values that it replaces by its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

_MANAGER = "componentInstances:cComponentManager"
_COMMENTS = re.compile(r"/\*.*?\*/", re.DOTALL)
_INCLUDE = re.compile(r"\\\{(?:\\cm\[(?P<option>[^\[\]{:]+)[^\]]*\]|(?P<file>[^\\{}]+))\}")
_SECTION = re.compile(r"\[([^\[\]:]+:[^\[\]:]+)\]")
_INSTANCE = re.compile(r"instance\[([^\]]+)\]\.type\s*=\s*(\w+)")


def configuration_for(sinks: list[str], file: Path, included: Mapping[str, str]) -> str:
    """The text of a configuration with these sinks and what they need.

    Args:
        sinks: names of components.
        file: of the whole configuration.
        included: the files that it includes by name of an option.

    Raises:
        ValueError: it is written in a way that is not understood.
    """
    sections: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in _lines(file, included):
        if found := _SECTION.fullmatch(line):
            lines = sections.setdefault(found[1], [])
        elif lines is None:
            raise ValueError(f"{file}: {line!r} is in no section")
        else:
            lines.append(line)
    types: dict[str, str] = {}
    rest: list[str] = []
    for line in sections.pop(_MANAGER, []):
        if instance := _INSTANCE.fullmatch(line):
            types[instance[1]] = instance[2]
        else:
            rest.append(line)
    settings = {name: sections.get(f"{name}:{type_}", []) for name, type_ in types.items()}
    kept = {*_needed(sinks, settings), *(name for name, type_ in types.items() if type_ == "cDataMemory")}
    text = [f"[{_MANAGER}]", *(f"instance[{name}].type={type_}" for name, type_ in types.items() if name in kept)]
    text += rest
    for name, type_ in types.items():
        if name in kept:
            text += [f"[{name}:{type_}]", *settings[name]]
    return "\n".join([*text, ""])


def _lines(file: Path, included: Mapping[str, str]) -> Iterator[str]:
    """The lines of a configuration that say anything, with what it includes in its place."""
    for line in _COMMENTS.sub("", file.read_text(encoding="utf-8")).splitlines():
        line = line.strip()
        if not line or line.startswith((";", "//")):
            continue
        if include := _INCLUDE.fullmatch(line):
            option = include["option"]
            if option and option not in included:
                raise ValueError(f"{file}: no file for {option}")
            yield from _lines(Path(included[option]) if option else file.parent / include["file"], included)
        else:
            yield line


def _needed(sinks: list[str], settings: Mapping[str, list[str]]) -> set[str]:
    """The sinks, and every component from which one of them gets something, directly or not."""
    reads: dict[str, list[str]] = {}
    writer: dict[str, str] = {}
    for name, lines in settings.items():
        for key, value in (map(str.strip, line.split("=", 1)) for line in lines if "=" in line):
            if key == "reader.dmLevel":
                reads[name] = [level.strip() for level in value.split(";") if level.strip()]
            elif key == "writer.dmLevel":
                writer[value] = name
    needed: set[str] = set()
    left = list(sinks)
    while left:
        name = left.pop()
        if name not in settings:
            raise ValueError(f"no component {name!r}")
        if name not in needed:
            needed.add(name)
            for level in reads.get(name, []):
                if level not in writer:
                    raise ValueError(f"nothing writes the level {level!r}")
                left.append(writer[level])
    return needed
