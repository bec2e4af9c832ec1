"""Reads a file of schedules; one with mistakes is refused as a whole, each mistake at its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from affekt.errors import AffektError, DataError, SettingsError, as_affekt_error
from affekt.pipelines.schedules.keys import NAME, PARTS, READ
from affekt.pipelines.schedules.schedule import Schedule, ScheduleFile
from affekt.settings import load_settings
from affekt.storage import is_remote

#: Longer than any file of schedules that a person writes.
_MOST_BYTES = 1_000_000


def read_schedules(path: Path) -> ScheduleFile:
    """Read and check a file of schedules.

    Args:
        path: a YAML file, described in ``docs/schedules.md``. Local paths in it are seen from its folder.

    Raises:
        DataError: the file cannot be read, or names every mistake with its line.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except OSError as error:
        raise DataError(as_affekt_error(error).message, code="missing", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise DataError("is no text in UTF-8; expected a YAML file", code="schedules", where=str(path)) from error
    if len(raw) > _MOST_BYTES:
        raise DataError("is larger than 1 MB; expected a file of schedules", code="schedules", where=str(path))
    reading = _Reading(path.absolute().parent)
    loader = yaml.SafeLoader(text)
    try:
        found = reading.file(loader.get_single_node(), loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}: " if mark else ""
        said = getattr(error, "problem", None) or str(error) or "it is nested too deeply"
        raise DataError(f"{place}is no YAML: {said}", code="schedules", where=str(path)) from error
    finally:
        loader.dispose()
    if reading.problems:
        listed = "".join(f"\n  - line {line}: {text}" for line, text in sorted(reading.problems))
        raise DataError(f"nothing of it is used:{listed}", code="schedules", where=str(path))
    return replace(found, place=str(path))


class _Reading:
    """Reads nodes, and keeps what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[tuple[int, str]] = []

    def wrong(self, line: int, text: str) -> None:
        self.problems.append((line, text))

    def file(self, node: yaml.Node | None, loader: yaml.SafeLoader) -> ScheduleFile:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(1, "expected the key schedules with a list")
            return ScheduleFile("affekt")
        keys = self.mapping(node, ("group", "schedules"))
        group, schedules = "affekt", []
        if "group" in keys:
            group = str(loader.construct_object(keys["group"], deep=True))
            if not NAME.fullmatch(group):
                self.wrong(_line(keys["group"]), f"group is {group!r}; expected a-z, 0-9 and -, at most 40")
        entries = keys.get("schedules")
        if not isinstance(entries, yaml.SequenceNode):
            self.wrong(_line(entries or node), "schedules is missing, or no list; expected a list of schedules")
            return ScheduleFile(group)
        seen: dict[str, int] = {}
        for entry in entries.value:
            name = _named(entry)
            if name in seen:
                self.wrong(_line(entry), f"the name {name} is taken by line {seen[name]}")
            if name:
                seen.setdefault(name, _line(entry))
            found = self.schedule(entry, loader)
            if found is not None:
                schedules.append(found)
        return ScheduleFile(group, tuple(schedules))

    def mapping(self, node: yaml.MappingNode, known: tuple[str, ...]) -> dict[str, yaml.Node]:
        """The values of the keys that are known, and are there once."""
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in known:
                self.wrong(_line(key), f"the key {name or '(no text)'} is not known; expected {', '.join(known)}")
            elif name in found:
                self.wrong(_line(key), f"the key {name} is there twice")
            else:
                found[name] = value
        return found

    def schedule(self, node: yaml.Node, loader: yaml.SafeLoader) -> Schedule | None:
        """One entry, or None where it has mistakes."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(_line(node), "expected a schedule: name, cron, time_zone, data …")
            return None
        before = len(self.problems)
        keys = self.mapping(node, tuple(READ))
        for missing in (name for name in ("name", "cron", "time_zone", "data") if name not in keys):
            self.wrong(_line(node), f"the schedule has no {missing}")
        values: dict[str, Any] = {}
        for name, child in keys.items():
            if name in PARTS and isinstance(child, yaml.MappingNode) and not self.parts(name, child, loader):
                continue
            try:
                values[name] = READ[name](loader.construct_object(child, deep=True))
            except ValueError as error:
                self.wrong(_line(child), f"{name}: {error}")
            except AffektError as error:
                self.wrong(_line(child), f"{name}: {error.message}")
        self.together(keys, values, _line(node))
        if len(self.problems) > before:
            return None
        return Schedule(**{name: value for name, value in values.items() if value is not None})

    def parts(self, name: str, node: yaml.MappingNode, loader: yaml.SafeLoader) -> bool:
        """Whether a value that has keys itself is right; what is wrong of each key stands at its line."""
        before, seen = len(self.problems), set[str]()
        for key, _ in node.value:
            if str(key.value) in seen:
                self.wrong(_line(key), f"{name}: the key {key.value} is there twice")
            seen.add(str(key.value))
        loader.flatten_mapping(node)
        for key, value in node.value:
            try:
                PARTS[name](str(key.value), loader.construct_object(value, deep=True))
            except ValueError as error:
                self.wrong(_line(key), f"{name}: {error}")
        return len(self.problems) == before

    def together(self, keys: Mapping[str, yaml.Node], values: dict[str, Any], line: int) -> None:
        """What concerns several keys: settings by preset, places by runner, models by data."""
        self.settings(keys, values)
        runner = values.get("runner", "local")
        for name in ("data", "faces"):
            if not values.get(name) or is_remote(values[name]):
                continue
            if runner == "cluster":
                self.wrong(_line(keys[name]), f"{name}: pods of a cluster do not see {values[name]}; expected s3://")
            values[name] = str(Path(self.folder, Path(values[name]).expanduser()).resolve())
        if (when := values.get("when")) and when.drift and not is_remote(when.drift):
            if runner == "cluster":
                self.wrong(_line(keys["when"]), f"when: pods of a cluster do not see {when.drift}; expected s3://")
            values["when"] = replace(when, drift=str(Path(self.folder, Path(when.drift).expanduser()).resolve()))
        if runner == "cluster" and (notify := values.get("notify")):
            for problem in notify.not_of_the_secret():
                self.wrong(_line(keys["notify"]), problem)
        if runner == "cluster" and values.get("deploy"):
            self.wrong(_line(keys["deploy"]), "deploy: a cluster does not see a server of this machine; leave it out")
        if values.get("profile"):
            self.profile(values, _line(keys["profile"]))
        if not self.problems and {"name", "cron", "time_zone", "data"} <= set(values):
            try:
                Schedule(**{name: value for name, value in values.items() if value is not None}).job()
            except AffektError as error:
                self.wrong(line, error.message)

    def profile(self, values: dict[str, Any], line: int) -> None:
        """A profile is one of affekt's, or a file as seen from the folder of this one."""
        from affekt.pipelines.profiles.profile import NAMES, read_profile  # heavy: kfp's names of steps

        if values.get("runner", "local") != "cluster":
            self.wrong(line, "profile: says what steps ask of a cluster; expected runner: cluster")
            return
        if values["profile"] not in NAMES:
            values["profile"] = str(Path(self.folder, Path(values["profile"]).expanduser()).resolve())
        try:
            read_profile(values["profile"])
        except AffektError as error:
            self.wrong(line, f"profile: {error.message}")

    def settings(self, keys: Mapping[str, yaml.Node], values: Mapping[str, Any]) -> None:
        """Each override by itself, at its line; then all together."""
        node = keys.get("settings")
        if not isinstance(node, yaml.MappingNode) or not values.get("settings"):
            return
        preset, before = values.get("preset", "small"), len(self.problems)
        lines = {str(key.value): _line(key) for key, _ in node.value}
        for override in values["settings"]:
            try:
                load_settings(preset, [override])
            except SettingsError as error:
                for problem in error.problems:
                    self.wrong(lines.get(override.partition("=")[0], _line(node)), f"settings: {problem}")
        if len(self.problems) == before:
            try:
                load_settings(preset, values["settings"])
            except SettingsError as error:
                for problem in error.problems:
                    self.wrong(_line(node), f"settings: {problem}")


def _named(entry: yaml.Node) -> str:
    """The name that a schedule is given, whatever else is wrong with it."""
    pairs = entry.value if isinstance(entry, yaml.MappingNode) else []
    return next((str(value.value) for key, value in pairs if key.value == "name"), "")


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
